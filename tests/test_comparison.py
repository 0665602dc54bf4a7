"""What differs between two images: nothing between an image and itself, and all that was changed and no more."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.comparing import compare_images
from imgscan.comparison import Changes, Compared, Comparison
from imgscan.evidence import Depth
from imgscan.pipeline import Options
from imgscan.report import Severity
from tests.image_builder import docker_archive_hybrid, executable, file, image, layer, oci_layout, step
from tests.random_layers import LAYERS, WAYS, built
from tests.renderers.reports import clean, incomplete, insecure

NAMES = st.dictionaries(st.text(max_size=3), st.sampled_from(["1", "2"]), max_size=5)
STATUS = "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\n\n"
PASSWD = "root:x:0:0::/root:/bin/sh\n"
NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """With a cache: compiled patterns are made once."""
    return Options(cache_directory=tmp_path_factory.mktemp("cache"))


@settings(max_examples=30, deadline=None)
@given(LAYERS, st.sampled_from(sorted(WAYS)))
def test_an_image_does_not_differ_from_itself(layers, way):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        paths = [str(WAYS[way](built(layers), Path(folder))) for folder in (one, other)]
        found = compare_images(paths, [], Options(depth=Depth.MEMBERS)).difference
    assert found is not None
    assert found.empty
    assert not found.fails(Severity.INFO)


@pytest.mark.parametrize("make", [insecure, clean, incomplete])
def test_a_report_does_not_differ_from_itself(make):
    one = Compared("a", make())
    found = Comparison.of([one, Compared("b", make())]).difference
    assert found is not None
    assert found.empty
    assert found.unchanged == len(make().verdict.open)


@given(NAMES, NAMES)
def test_changes_lead_from_one_to_the_other(before, after):
    changes = Changes.between(before, after)
    result = {name: value for name, value in before.items() if (name, value) not in changes.removed}
    result |= dict(changes.added) | {name: value for name, _, value in changes.changed}
    assert result == after
    assert bool(changes) == (before != after)
    back = Changes.between(after, before)
    assert (back.added, back.removed) == (changes.removed, changes.added)


@pytest.fixture
def two(tmp_path):
    """The lab in small: a leaky image, and the one that came of it."""
    before = image(
        layer(
            {
                "etc/passwd": PASSWD + "www:x:33:33::/:/bin/sh\n",
                "var/lib/dpkg/status": STATUS.format("bash", "5.1") + STATUS.format("git", "2.3"),
                "usr/bin/git": executable(),
                "bin/ping": file("x", 0o4755),
                "app/.env": "API_KEY=sk-live-abc123xyz789\n",
            }
        ),
        step('CMD ["sh"]'),
        tags=["app:1"],
    )
    after = image(
        layer(
            {
                "etc/passwd": PASSWD + "app:x:1000:1000::/:/bin/sh\n",
                "var/lib/dpkg/status": STATUS.format("bash", "5.2") + STATUS.format("curl", "8"),
                "usr/bin/curl": executable(),
                "bin/ping": file("x", 0o755, xattrs={"security.capability": NET_BIND}),
            }
        ),
        user="app",
        healthcheck=["CMD", "true"],
        tags=["app:2"],
    )
    return docker_archive_hybrid(before, tmp_path / "1.tar"), docker_archive_hybrid(after, tmp_path / "2.tar")


def test_all_that_changed_is_told_and_no_more(two, options):
    found = compare_images([str(path) for path in two], [], options).difference
    assert found is not None
    rules = {finding.rule.id for finding in found.fixed}
    assert {"root-user/implicit", "build-tool/version-control", "healthcheck/missing"} <= rules
    assert "file-secret/keyword" in rules
    assert "build-tool/downloader" in {finding.rule.id for finding in found.new}
    assert [tool.name for tool in found.tools_added] == ["curl"]
    assert [tool.name for tool in found.tools_removed] == ["git"]
    assert found.packages == Changes((("deb curl", "8"),), (("deb git", "2.3"),), (("deb bash", "5.1", "5.2"),))
    assert [name for name, _ in found.users.added] == ["app"]
    assert [name for name, _ in found.users.removed] == ["www"]
    assert found.privileged.changed == (("bin/ping", "setuid 0", "cap_net_bind_service=ep"),)
    assert {name: (before, after) for name, before, after in found.settings.changed} == {
        "runs as": ("root (implicit)", "app (uid 1000)"),
        "health check": ("no", "yes"),
    }
    assert sum(before for _, before, _ in found.sizes) == found.size_before
    assert sum(after for _, _, after in found.sizes) == found.size_after


def test_new_findings_fail_at_their_severity_and_below(two, options):
    found = compare_images([str(path) for path in two], [], options).difference
    assert found is not None
    assert found.fails(Severity.LOW)
    assert found.fails(Severity.MEDIUM)  # curl
    assert not found.fails(Severity.CRITICAL)
    assert not found.fails(Severity.NONE)


def test_equal_findings_of_another_build_are_unchanged(two, options, tmp_path):
    before, _ = two
    rebuilt = image(
        layer({"etc/passwd": PASSWD + "www:x:33:33::/:/bin/sh\n"}),
        layer(
            {
                "var/lib/dpkg/status": STATUS.format("bash", "5.1") + STATUS.format("git", "2.3"),
                "usr/bin/git": executable(),
                "bin/ping": file("x", 0o4755),
                "app/.env": "\nAPI_KEY=sk-live-abc123xyz789\n",
            }
        ),
        step('CMD ["sh"]'),
        tags=["app:1-rebuilt"],
    )
    found = compare_images([str(before), str(oci_layout(rebuilt, tmp_path / "rebuilt"))], [], options).difference
    assert found is not None
    of_files = [finding for finding in (*found.new, *found.fixed) if finding.location.kind == "file"]
    assert of_files == []
    assert not found.packages


def test_more_than_two_images_have_rows_and_no_difference(two, options):
    found = compare_images([str(two[0]), str(two[1]), str(two[0])], [], options)
    assert found.difference is None
    assert [row.name for row in found.rows] == [str(two[0]), str(two[1]), str(two[0])]
    assert [row.runs_as_root for row in found.rows] == [True, False, True]
    assert {row.constraints for row in found.rows} == {"none"}
