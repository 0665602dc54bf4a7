"""The rows of `imgscan files`: what unpacking would leave, and everything that was ended on the way."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import UsageError
from imgscan.evidence import Depth, MemberKind, ScanPlan
from imgscan.file_versions import Selection, glob_pattern
from imgscan.layers.scan import LayerScanner
from imgscan.listing import list_files
from imgscan.overlay import FateKind
from imgscan.pipeline import Options
from tests.image_builder import directory, docker_archive_hybrid, executable, file, hardlink, image, layer, symlink
from tests.laws import Chunked, Unpacked
from tests.random_layers import LAYERS, WAYS, built

OPTIONS = Options()
SCANNER = LayerScanner(ScanPlan(Depth.MEMBERS), (), secret_key=bytes(32))


@settings(max_examples=60, deadline=None)
@given(LAYERS, st.sampled_from(sorted(WAYS)))
def test_present_rows_are_the_merged_tree_and_dead_plus_alive_is_the_total(layers, way):
    image = built(layers)
    oracle = Unpacked([SCANNER.scan(Chunked(one.tar)) for one in image.layers])
    with tempfile.TemporaryDirectory() as folder:
        (listing,) = list_files(str(WAYS[way](image, Path(folder))), OPTIONS)
        rows = list(listing.selected())
    present = {row.path: (row.layer, row.member) for row in rows if row.fate is FateKind.PRESENT}
    assert present == oracle.tree
    assert {(row.layer, row.member) for row in rows} == set(oracle.fates)
    total = sum(row.size for row in rows if row.kind is MemberKind.FILE)
    alive = {row.content: row.size for row in rows if row.fate is FateKind.PRESENT and row.kind is not MemberKind.OTHER}
    assert listing.dead_bytes + sum(alive.values()) == total


@pytest.fixture
def archive(tmp_path):
    passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/app:/bin/sh\n"
    return docker_archive_hybrid(
        image(
            layer(
                {
                    "etc/passwd": passwd,
                    "etc/group": "root:x:0:\nstaff:x:1001:\n",
                    "bin/sh": executable(),
                    "app/keys/a.pem": file("a", uid=1000, gid=1001),
                    "app/b.pem": file("b", uid=1000, gid=0),
                    "app/.env": "x",
                },
                created_by="ADD rootfs.tar /",
            ),
            layer({"app/.env": "y", "app/.wh.b.pem": "", "srv/": directory()}, created_by="COPY . ."),
            layer({"app/.wh..env": "", "app/hard": hardlink("app/keys/a.pem"), "l": symlink("app")}),
        ),
        tmp_path / "a.tar",
    )


def paths(archive, *globs, **selection):
    (listing,) = list_files(str(archive), OPTIONS, Selection(globs, **selection))
    return [(row.path, row.layer) for row in listing.selected()]


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("etc/passwd", {"etc/passwd"}),
        ("/etc/passwd", {"etc/passwd"}),
        ("passwd", {"etc/passwd"}),
        ("*.pem", {"app/keys/a.pem", "app/b.pem"}),
        ("app/*.pem", {"app/b.pem"}),
        ("app/**/*.pem", {"app/keys/a.pem", "app/b.pem"}),
        ("**/a.pem", {"app/keys/a.pem"}),
        ("app/*", {"app/b.pem", "app/.env", "app/hard"}),
        ("app/**", {"app/keys/a.pem", "app/b.pem", "app/.env", "app/hard"}),
        ("app/keys/", {"app/keys/a.pem"}),
        ("srv", {"srv"}),
        ("[a-b].pem", {"app/keys/a.pem", "app/b.pem"}),
        ("[!a].pem", {"app/b.pem"}),
        ("?.pem", {"app/keys/a.pem", "app/b.pem"}),
        (r"\*.pem", set()),
        ("a*z*", set()),
        ("nothing", set()),
    ],
)
def test_globs(archive, glob, found):
    assert {path for path, _ in paths(archive, glob)} == found


def test_several_globs_are_joined(archive):
    assert {path for path, _ in paths(archive, "a.pem", "srv")} == {"app/keys/a.pem", "srv"}


def test_fates_and_layers_select(archive):
    assert paths(archive, fates=frozenset({FateKind.OVERWRITTEN})) == [("app/.env", 0)]
    assert paths(archive, fates=frozenset({FateKind.DELETED})) == [("app/.env", 1), ("app/b.pem", 0)]
    assert paths(archive, layer=1) == [("app/.env", 1), ("srv", 1)]


@pytest.mark.parametrize(
    ("owner", "found"),
    [
        ("1000", ["app/b.pem", "app/keys/a.pem"]),
        ("app", ["app/b.pem", "app/keys/a.pem"]),
        ("app:staff", ["app/keys/a.pem"]),
        ("1000:1001", ["app/keys/a.pem"]),
        (":1001", ["app/keys/a.pem"]),
    ],
)
def test_owners_are_ids_or_names_of_the_images_own_accounts(archive, owner, found):
    assert [path for path, _ in paths(archive, owner=owner)] == found


@pytest.mark.parametrize(
    ("selection", "message"),
    [({"owner": "ghost"}, "no user 'ghost'"), ({"owner": ":"}, "--owner"), ({"layer": 9}, "no layer 9")],
)
def test_a_selection_that_the_image_does_not_know_is_wrong_usage(archive, selection, message):
    with pytest.raises(UsageError, match=message):
        paths(archive, **selection)


def slowly(names, globs):
    """Whether the names of a path fit those of a glob, tried one by one."""
    if not globs:
        return not names
    if globs[0] == "**":
        if len(globs) == 1:
            return bool(names)
        return any(slowly(names[at:], globs[1:]) for at in range(len(names) + 1))
    return bool(names) and one_name(names[0], globs[0]) and slowly(names[1:], globs[1:])


def one_name(name, glob):
    if not glob:
        return not name
    if glob[0] == "*":
        return any(one_name(name[at:], glob[1:]) for at in range(len(name) + 1))
    return bool(name) and glob[0] in ("?", name[0]) and one_name(name[1:], glob[1:])


NAME = st.text(alphabet="ab", min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(NAME, min_size=1, max_size=4),
    st.lists(st.one_of(st.just("**"), st.text(alphabet="ab*?", min_size=1, max_size=5)), min_size=2, max_size=4),
)
def test_a_glob_fits_what_trying_all_ways_fits(names, globs):
    globs = [glob if glob == "**" else glob.replace("**", "*") for glob in globs]
    pattern = glob_pattern(["/".join(globs)])
    assert pattern is not None
    assert (pattern.match("/".join(names)) is not None) == slowly(names, globs)


@given(st.text(max_size=12))
def test_any_text_is_a_glob_that_fits_itself_when_taken_literally(text):
    assert glob_pattern([text]) is not None
    name = text.replace("/", "")
    literal = "".join(f"\\{character}" for character in name)
    assert name in ("", ".") or glob_pattern([f"a/{literal}"]).match(f"a/{name}")


def test_many_stars_take_no_time_on_a_long_name():
    assert glob_pattern(["*a*a*a*a*a*a*b"]).match("a" * 20_000) is None


def test_digests_are_there_where_they_were_asked_for(archive):
    for digests in (True, False):
        (listing,) = list_files(str(archive), OPTIONS, Selection(("app/hard", "app/.env")), digests=digests)
        told = {(row.path, row.layer): row.sha256 for row in listing.selected()}
        expected = {("app/.env", 0): b"x", ("app/.env", 1): b"y", ("app/hard", 2): b"a"}
        assert told == {key: hashlib.sha256(data).digest() if digests else b"" for key, data in expected.items()}


def test_files_of_a_package_are_those_that_its_records_list(tmp_path):
    md5 = hashlib.md5(b"x").hexdigest()
    status = "Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n\n"
    path = docker_archive_hybrid(
        image(
            layer(
                {
                    "var/lib/dpkg/status": status,
                    "var/lib/dpkg/info/bash.md5sums": f"{md5}  bin/bash\n{md5}  usr/share/doc/bash/readme\n",
                    "usr/bin/bash": executable(),
                    "usr/share/doc/bash/readme": "x",
                    "usr/share/doc/other": "x",
                    "site-packages/web-1.dist-info/METADATA": "Name: web\nVersion: 1\n",
                    "site-packages/web-1.dist-info/RECORD": f"web/app.py,sha256={'A' * 43},1\n",
                    "site-packages/web/app.py": "x",
                }
            ),
            layer({"usr/share/doc/bash/.wh.readme": "", "usr/bin/bash": executable(b"changed")}),
        ),
        tmp_path / "a.tar",
    )
    assert paths(path, package="bash") == [("usr/bin/bash", 0), ("usr/bin/bash", 1), ("usr/share/doc/bash/readme", 0)]
    assert paths(path, package="web") == [("site-packages/web/app.py", 0)]
    assert paths(path, "**/readme", package="bash") == [("usr/share/doc/bash/readme", 0)]
    with pytest.raises(UsageError, match="no package 'bas'") as told:
        paths(path, package="bas")
    assert "bash" in told.value.tip
