"""What the checksums of public packages vouch for is set aside, whoever deleted the package's records later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.ownership import index_of, source_of
from imgscan.package_checksums import digest_key, path_key, records, rows
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import Policy, Report
from imgscan.secrets import known_examples
from tests.image_builder import docker_archive_legacy, image, layer
from tests.package_records import COMPANY, apk, deb, distroless, md5, rpm_database, rpm_header, wheel
from tests.secrets.forms import pem, with_checksum

SITE = "usr/lib/python3.11/site-packages"
CONTENT = "[client]\npassword = hunter2prod\n"
OTHER = "[client]\npassword = hunter3prod\n"
PATH = "etc/foo/client.conf"
FILE = {PATH: CONTENT}

Inspect = Callable[..., Report]


@pytest.fixture(scope="session")
def matcher_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("matcher")


@pytest.fixture
def inspect(tmp_path, matcher_cache) -> Inspect:
    def run(*layers: Mapping[str, str | bytes], **policy: object) -> Report:
        archive = docker_archive_legacy(image(*(layer(files) for files in layers), tags=["a:1"]), tmp_path / "a.tar")
        options = Options(
            policy=Policy(**{"families": ("file-secret", "sensitive-file"), **policy}),
            cache=CacheMode.OFF,
            cache_directory=matcher_cache,
        )
        (report,) = inspect_image(f"archive:{archive}", options)
        assert report.complete
        return report

    return run


def told(report: Report) -> tuple[list[str], list[tuple[str, str]]]:
    """The messages of what is open, and (reason, by) of what is set aside."""
    aside = [(item.reason, item.by) for item in report.verdict.suppressed]
    return [finding.message for finding in report.verdict.open], aside


def owned(by: str) -> tuple[list[str], list[tuple[str, str]]]:
    return [], [("package-owned", by)]


def rpm(files: dict[str, str], *, algorithm: str = "sha256", number: int | None = 8, vendor: str = "Red Hat, Inc."):
    digests = [hashlib.new(algorithm, content.encode()).hexdigest() for content in files.values()]
    paths = [f"/{path}" for path in files]
    header = rpm_header("foo", "1", "2.el9", files=paths, digests=digests, algorithm=number, vendor=vendor)
    return {"var/lib/rpm/rpmdb.sqlite": rpm_database([header])}


# -- each package manager's own records


def test_md5sums_of_dpkg_vouch(inspect):
    assert told(inspect(FILE | deb("libfoo", FILE))) == owned("libfoo 1.2-3")


def test_conffiles_of_dpkg_vouch(inspect):
    assert told(inspect(FILE | deb("foo", {}, conffiles=FILE))) == owned("foo 1.2-3")


def test_distroless_records_vouch_under_the_package_s_own_name(inspect):
    assert told(inspect(FILE | distroless("foo", "foo-base", FILE))) == owned("foo-base 3.0")


def test_apk_s_database_vouches(inspect):
    assert told(inspect(FILE | apk("foo", FILE))) == owned("foo 1.5-r0")


@pytest.mark.parametrize(("algorithm", "number"), [("sha256", 8), ("md5", None), ("sha1", 2)])
def test_rpm_s_headers_vouch(inspect, algorithm: str, number: int | None):
    assert told(inspect(FILE | rpm(FILE, algorithm=algorithm, number=number))) == owned("foo 1-2.el9")


def test_records_of_a_well_known_wheel_vouch_also_outside_of_site_packages(inspect):
    files = {"boto3/data.cfg": CONTENT, "../../../share/boto3/x.cfg": OTHER}
    report = inspect({f"{SITE}/boto3/data.cfg": CONTENT, "usr/share/boto3/x.cfg": OTHER} | wheel("boto3", files))
    assert told(report) == ([], [("package-owned", "boto3 2.0")] * 2)


@pytest.mark.parametrize(
    ("listed", "stored"), [("lib/foo.conf", "usr/lib/foo.conf"), ("usr/lib/foo.conf", "lib/foo.conf")]
)
def test_usr_merge_makes_no_difference(inspect, listed: str, stored: str):
    assert told(inspect({stored: CONTENT} | deb("foo", {listed: CONTENT}))) == owned("foo 1.2-3")


# -- who published it


@pytest.mark.parametrize(
    ("records", "package"),
    [
        (deb("corp-config", FILE, maintainer=COMPANY), "corp-config 1.2-3"),
        (deb("gnutls28", FILE, maintainer=COMPANY), "gnutls28 1.2-3"),
        (deb("corp-config", FILE, maintainer="Somebody <somebody@gmail.com>"), "corp-config 1.2-3"),
        (deb("corp-config", FILE, maintainer="Fake <debian.org@corp.example>"), "corp-config 1.2-3"),
        (deb("corp-config", FILE, maintainer="Fake <x@notdebian.org>"), "corp-config 1.2-3"),
        (apk("corp-config", FILE, COMPANY), "corp-config 1.5-r0"),
        (apk("openssl", FILE, ""), "openssl 1.5-r0"),
        (rpm(FILE, vendor="Corp"), "foo 1-2.el9"),
        (rpm(FILE, vendor=""), "foo 1-2.el9"),
    ],
)
def test_an_in_house_package_vouches_for_nothing_and_is_named(inspect, records, package: str):
    (message,), aside = told(inspect(FILE | records))
    assert message.endswith(f"; the file is of {package}, which is not known to be public")
    assert not aside


def test_a_package_kept_under_a_private_address_counts_if_the_distribution_has_it(inspect):
    records = deb("libgnutls30", FILE, source="gnutls28 (3.7.9-2)", maintainer="Somebody <somebody@gmail.com>")
    assert told(inspect(FILE | records)) == owned("libgnutls30 1.2-3")


def test_packages_without_maintainers_count_in_the_distribution_that_names_none(inspect):
    assert told(inspect(FILE | apk("openssl", FILE, "") | {"etc/os-release": "ID=wolfi\n"})) == owned("openssl 1.5-r0")


@pytest.mark.parametrize(
    "direct",
    [
        {"url": "file:///src", "dir_info": {}},
        {"dir_info": {"editable": True}},
        {"vcs_info": {}},
    ],
)
def test_what_pip_installed_from_a_path_or_url_is_the_image_s_own(inspect, direct: dict):
    records = wheel("requests", {"requests/a.cfg": CONTENT})
    info = next(iter(records)).rpartition("/")[0]
    report = inspect({f"{SITE}/requests/a.cfg": CONTENT, f"{info}/direct_url.json": json.dumps(direct)} | records)
    (message,), aside = told(report)
    assert "of requests 2.0, which is not known to be public" in message
    assert not aside


def test_a_wheel_that_is_not_widely_known_is_the_image_s_own(inspect):
    (message,), _ = told(inspect({f"{SITE}/app/a.cfg": CONTENT} | wheel("corp-app", {"app/a.cfg": CONTENT})))
    assert "of corp-app 2.0" in message


def test_the_policy_has_the_last_word(inspect):
    ours, theirs = deb("corp-config", FILE, maintainer=COMPANY), deb("libfoo", FILE)
    assert told(inspect(FILE | ours, public_packages=("corp-*",))) == owned("corp-config 1.2-3")
    assert "of libfoo 1.2-3, which" in told(inspect(FILE | theirs, own_packages=("libfoo",)))[0][0]
    assert told(inspect(FILE | ours, public_packages=("*",), own_packages=("Corp_*",)))[1] == []


def test_packages_that_are_not_trusted_are_not_asked(inspect):
    (message,), aside = told(inspect(FILE | deb("libfoo", FILE), trust_packages=False))
    assert "libfoo" not in message
    assert not aside


# -- whether the bytes are the package's


def test_a_modified_file_says_whose_it_claims_to_be(inspect):
    (message,), aside = told(inspect({PATH: OTHER} | deb("libfoo", FILE)))
    assert message.endswith("; the file claims to be of libfoo 1.2-3 and differs from it")
    assert not aside


def test_the_same_bytes_elsewhere_have_no_owner(inspect):
    (message,), _ = told(inspect({"app/client.conf": CONTENT} | deb("libfoo", FILE)))
    assert "libfoo" not in message


def test_a_token_with_a_right_checksum_stays_open_and_names_the_package(inspect):
    content = f"token: {with_checksum('ghp_', 5)}\n"
    report = inspect({"etc/foo.yml": content} | deb("libfoo", {"etc/foo.yml": content}))
    (message,), aside = told(report)
    assert message.endswith("; the file is as libfoo 1.2-3 has it")
    assert not aside


def test_published_samples_with_a_sensitive_name_are_set_aside(inspect):
    history = {"root/.bash_history": "ls\ncd /\n"}
    assert told(inspect(history | deb("foo", history))) == owned("foo 1.2-3")
    (message,), _ = told(inspect({"root/.bash_history": "rm x\n"} | deb("foo", history)))
    assert message.endswith("; it claims to be of foo 1.2-3 and differs from it")


def test_sensitive_files_alone_are_judged_by_their_owners_too(inspect):
    history = {"root/.bash_history": "ls\ncd /\n"}
    assert told(inspect(history | deb("foo", history), families=("sensitive-file",))) == owned("foo 1.2-3")


# -- the database as of a layer in which the file was there


def test_removing_the_database_later_changes_nothing(inspect):
    base = FILE | deb("libfoo", FILE)
    assert told(inspect(base, {"var/lib/.wh.dpkg": ""})) == owned("libfoo 1.2-3")
    assert told(inspect(base, {"var/lib/dpkg/.wh..wh..opq": ""})) == owned("libfoo 1.2-3")


def test_a_deleted_file_is_judged_by_the_database_of_then(inspect):
    gone = {"etc/foo/.wh.client.conf": "", "var/lib/dpkg/status": "", "var/lib/dpkg/info/.wh.libfoo:amd64.md5sums": ""}
    assert told(inspect(FILE | deb("libfoo", FILE), gone)) == owned("libfoo 1.2-3")


def test_an_upgrade_vouches_for_each_version_with_its_own_records(inspect):
    newer = {PATH: OTHER}
    report = inspect(FILE | deb("libfoo", FILE), newer | deb("libfoo", newer, version="2.0-1"))
    assert told(report) == ([], [("package-owned", "libfoo 1.2-3"), ("package-owned", "libfoo 2.0-1")])


def test_records_that_came_after_the_file_was_gone_do_not_vouch(inspect):
    (message,), _ = told(inspect(FILE, {"etc/.wh.foo": ""}, deb("libfoo", FILE)))
    assert "libfoo" not in message


def test_records_removed_before_the_file_came_do_not_vouch(inspect):
    (message,), _ = told(inspect(deb("libfoo", FILE), {"var/lib/.wh.dpkg": ""}, FILE))
    assert "libfoo" not in message


def test_records_without_a_status_name_the_package_and_do_not_vouch(inspect):
    sums = {"var/lib/dpkg/info/libfoo.md5sums": f"{md5(CONTENT)}  {PATH}\n"}
    (message,), _ = told(inspect(FILE | sums))
    assert "of libfoo, which is not known to be public" in message


def test_a_whiteout_with_content_is_no_database(inspect):
    records = deb("libfoo", FILE)
    hidden = {"var/lib/dpkg/info/.wh.libfoo:amd64.md5sums": records.popitem()[1]}
    (message,), _ = told(inspect(FILE | records | hidden))
    assert "libfoo" not in message


def test_rewriting_a_file_after_the_database_is_gone_changes_nothing(inspect):
    assert told(inspect(FILE | deb("libfoo", FILE), {"var/lib/.wh.dpkg": ""}, FILE)) == owned("libfoo 1.2-3")


# -- what derives from published content

KEY = f'KEY = """{pem()}"""\n'


def test_bytecode_is_set_aside_with_its_source(inspect):
    source, bytecode = "usr/lib/python3.11/foo.py", "usr/lib/python3.11/__pycache__/foo.cpython-311.pyc"
    files = {source: KEY, bytecode: b"\xa7\r\r\n" + KEY.encode()}
    report = inspect(files | deb("libpython3.11-stdlib", {source: KEY}))
    assert told(report) == (
        [],
        [
            ("package-owned", "libpython3.11-stdlib 1.2-3"),
            ("package-owned", f"libpython3.11-stdlib 1.2-3, compiled from {source}"),
        ],
    )
    assert len(told(inspect({bytecode: KEY} | deb("foo", {source: KEY})))[0]) == 1  # the source has to be there
    assert len(told(inspect(files | deb("foo", {source: KEY}, maintainer=COMPANY)))[0]) == 2


def test_bytecode_with_a_secret_of_its_own_stays_open(inspect):
    source, bytecode = "usr/lib/python3.11/foo.py", "usr/lib/python3.11/foo.pyc"
    files = {source: KEY, bytecode: f'KEY = """{pem(seed=8)}"""\n'}
    assert len(told(inspect(files | deb("foo", {source: KEY})))[0]) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a/__pycache__/b.cpython-311.opt-1.pyc", "a/b.py"),
        ("__pycache__/b.cpython-39.pyc", "b.py"),
        ("a/b.pyc", "a/b.py"),
        ("a/b.py", ""),
        ("a/__pycache__/b.txt", ""),
    ],
)
def test_where_the_source_of_bytecode_is(path: str, source: str):
    assert source_of(path) == source


def test_indexes_of_distributions_are_set_aside_and_others_are_not(inspect):
    lists = "var/lib/apt/lists/{}_dists_bookworm_main_binary-amd64_Packages"
    public, private = lists.format("mirror.debian.org_debian"), lists.format("apt.corp.example_debian.org_x")
    report = inspect({public: KEY, private: KEY})
    assert [finding.location.path for finding in report.verdict.open] == [private]
    assert told(report)[1] == [("package-owned", "apt's index of debian.org")]
    assert len(told(inspect({public: KEY}, trust_packages=False))[0]) == 1


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("var/cache/apt/pkgcache.bin", "apt's cache of its indexes"),
        ("var/cache/apk/APKINDEX.0a1b2c3d.tar.gz", "apk's index"),
        ("var/lib/apt/lists/archive.ubuntu.com_ubuntu_dists_noble_InRelease", "apt's index of ubuntu.com"),
        ("var/lib/apt/lists/notdebian.org_x_Packages", ""),
        ("var/lib/apt/lists/auxfiles/x", ""),
        ("srv/var/cache/apt/pkgcache.bin", ""),
        ("var/cache/apt/archives/x.deb", ""),
    ],
)
def test_what_an_index_is(path: str, index: str):
    assert index_of(path) == index


# -- the compact form

PATHS = st.binary(min_size=1, max_size=40).filter(lambda path: b"\n" not in path)


@given(files=st.lists(st.tuples(PATHS, st.binary(min_size=16, max_size=32)), max_size=500))
def test_records_survive_their_way_through_rows_of_text(files: list[tuple[bytes, bytes]]):
    packed = list(rows("foo", "md5", files))
    assert all(len(str(value)) <= 4096 for row in packed for value in row)
    found = [record for row in packed for record in records(str(row[3]))]
    assert found == [(path_key(path), digest_key(digest.hex())) for path, digest in files]


@given(text=st.text(max_size=60))
def test_rows_that_are_none_have_no_more_than_they_could(text: str):
    assert all(len(path) == len(digest) == 8 for path, digest in records(text))


def test_a_path_has_one_key_however_it_is_written():
    assert path_key(b"/bin/ls") == path_key(b"./bin/ls") == path_key(b"usr/bin/ls") == path_key(b"bin/ls")
    assert path_key(b"usr/share/x") != path_key(b"share/x")
    assert path_key(b"./.x") == path_key(b".x") != path_key(b"x")


# -- published test keys


def test_a_key_of_a_known_test_suite_is_set_aside_without_any_package(inspect, monkeypatch, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"[A test suite]\n{known_examples.fingerprint(pem())}\n")
    monkeypatch.setattr(known_examples, "LIST", listed)
    known_examples.known_examples.cache_clear()
    try:
        messages, aside = told(inspect({"opt/test/key.pem": pem(), "opt/test/other.pem": pem(seed=8)}))
    finally:
        known_examples.known_examples.cache_clear()
    assert len(messages) == 1
    assert set(aside) == {("known-example", "A test suite")}
