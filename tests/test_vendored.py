"""In trees of other people's code without checksums a form of its own counts for less, and a name alone for nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.evidence import Confidence
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import Policy, Report
from imgscan.vendored import named_tree
from tests.image_builder import docker_archive_legacy, image, layer
from tests.package_records import wheel
from tests.secrets.forms import pem, with_checksum

PASSWORD = "password = hunter2prod\n"
SITE = "usr/lib/python3.11/site-packages"
KEY = pem("RSA PRIVATE KEY")


@pytest.fixture(scope="session")
def matcher_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("matcher")


@pytest.fixture
def inspect(tmp_path, matcher_cache):
    def run(*layers: Mapping[str, str | bytes]) -> Report:
        archive = docker_archive_legacy(image(*(layer(files) for files in layers), tags=["a:1"]), tmp_path / "a.tar")
        policy = Policy(families=("file-secret", "sensitive-file"))
        options = Options(policy=policy, cache=CacheMode.OFF, cache_directory=matcher_cache)
        (report,) = inspect_image(f"archive:{archive}", options)
        assert report.complete
        return report

    return run


TREES = {
    "app/node_modules/left-pad": "app/node_modules/left-pad/test.cfg",
    "app/node_modules/a/node_modules/@scope/b": "app/node_modules/a/node_modules/@scope/b/x/y.cfg",
    "srv/bower_components/jquery": "srv/bower_components/jquery/x.cfg",
    "src/third_party/zlib": "src/third_party/zlib/contrib/x.cfg",
    "usr/lib/ruby/gems/3.2.0/gems/rack-3.0.8": "usr/lib/ruby/gems/3.2.0/gems/rack-3.0.8/spec/x.cfg",
    "root/go/pkg/mod/github.com/a/b@v1.2.3": "root/go/pkg/mod/github.com/a/b@v1.2.3/x.cfg",
    f"{SITE}/boto3": f"{SITE}/boto3/examples/x.cfg",
}


@pytest.mark.parametrize(("tree", "path"), TREES.items())
def test_what_rests_on_a_name_alone_is_set_aside_in_the_name_of_the_tree(inspect, tree: str, path: str):
    report = inspect({path: PASSWORD})
    assert not report.verdict.open
    assert [(item.reason, item.by) for item in report.verdict.suppressed] == [("vendored", tree)]


def test_a_form_of_its_own_stays_open_and_counts_for_less(inspect):
    (vendored,) = inspect({"app/node_modules/x/test/key.pem": KEY}).verdict.open
    (own,) = inspect({"app/test/key.pem": KEY}).verdict.open
    assert (own.confidence, vendored.confidence) == (Confidence.HIGH, Confidence.MEDIUM)
    assert own.severity == vendored.severity


@pytest.mark.parametrize(("password", "count"), [("psw", 0), ("foo%40bar", 0), ("Xk9qZr27LmTw", 1)])
def test_a_password_in_a_url_counts_where_it_is_hard_to_guess(inspect, password: str, count: int):
    url = f"postgres://app:{password}@db.corp:5432/x"
    assert len(inspect({"app/node_modules/x/a.js": f'connect("{url}")'}).verdict.open) == count
    assert len(inspect({"app/a.js": f'connect("{url}")'}).verdict.open) == 1


def test_a_token_whose_checksum_is_right_counts_as_everywhere(inspect):
    (finding,) = inspect({"app/node_modules/x/a.js": with_checksum("ghp_", 1)}).verdict.open
    assert finding.confidence is Confidence.HIGH


@pytest.mark.parametrize("name", [".env", ".npmrc", ".env.production", ".git-credentials"])
def test_settings_that_somebody_put_there_are_told(inspect, name: str):
    content = {".npmrc": "_password = hunter2prod\n", ".git-credentials": "https://bob:hunter2prod@git.corp/x\n"}
    (finding,) = inspect({f"app/node_modules/x/{name}": content.get(name, PASSWORD)}).verdict.open
    assert finding.location.path == f"app/node_modules/x/{name}"


@pytest.mark.parametrize("path", ["app/vendor/db.cfg", "etc/vendor/db.cfg", "opt/lib/python3.11/db.cfg"])
def test_folders_that_may_be_anybody_s_are_no_trees_without_their_tool_s_mark(inspect, path: str):
    assert len(inspect({path: PASSWORD}).verdict.open) == 1


@pytest.mark.parametrize(
    ("mark", "tree"),
    [
        ("app/vendor/modules.txt", "app/vendor"),
        ("app/vendor/composer/installed.json", "app/vendor"),
        ("usr/local/lib/python3.11/os.py", "usr/local/lib/python3.11"),
        ("usr/local/go/src/runtime/runtime.go", "usr/local/go"),
    ],
)
def test_the_mark_of_the_tool_makes_a_tree_even_where_a_later_layer_deletes_it(inspect, mark: str, tree: str):
    folder, _, name = mark.rpartition("/")
    files = {mark: "#\n", f"{tree}/src/db.cfg": PASSWORD}
    report = inspect(files, {f"{folder}/.wh.{name}": ""})
    assert [(item.reason, item.by) for item in report.verdict.suppressed] == [("vendored", tree)]


def test_code_in_site_packages_that_nobody_knows_stays_open(inspect):
    assert len(inspect({f"{SITE}/acme_billing/settings.cfg": PASSWORD}).verdict.open) == 1


def test_what_a_private_package_records_stays_open_with_its_name(inspect):
    files = {"acme_billing/settings.cfg": PASSWORD}
    report = inspect({f"{SITE}/acme_billing/settings.cfg": PASSWORD} | wheel("acme-billing", files))
    (finding,) = report.verdict.open
    assert "acme-billing" in finding.message


@given(st.lists(st.sampled_from(["node_modules", "@a", "b", "third_party", "gems", "x-1.0", "pkg", "mod", "c@v1", ""])))
def test_a_tree_is_a_folder_above_the_file(parts: list[str]):
    path = "/".join(parts)
    tree = named_tree(path)
    assert not tree or path.startswith(f"{tree}/")
