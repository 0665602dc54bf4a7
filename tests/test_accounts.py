"""The effective user and what it may do with files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgscan.accounts import effective_user, may_execute, may_read, resolve
from tests.analyzers.evidence import evidence_of
from tests.image_builder import directory, file, image, layer, symlink

USERS = (
    ("user", "root", 0, 0, "", "", ""),
    ("user", "app", 999, 998, "", "", ""),
    ("user", "odd", None, None, "", "", ""),
)
GROUPS = (
    ("group", "root", 0, ""),
    ("group", "app", 998, ""),
    ("group", "docker", 99, "x,app"),
    ("group", "adm", 4, "app"),
)


def test_a_user_gets_its_own_groups_and_a_named_group_replaces_them():
    assert resolve("app", USERS, GROUPS).groups == (998, 4, 99)
    assert resolve("999", USERS, GROUPS).groups == (998, 4, 99)
    assert resolve("app:docker", USERS, GROUPS).groups == (99,)
    assert resolve("app:7", USERS, GROUPS).groups == (7,)
    assert resolve("54321", USERS, GROUPS).groups == (0,)


def test_labels_tell_who_it_is():
    def label(spec: str) -> str:
        return resolve(spec, USERS, GROUPS).label

    assert label("") == "root (implicit)"
    assert label("root") == label("0") == "root"
    assert label("app") == label("999:0") == "app (uid 999)"
    assert label("1234") == "uid 1234"
    assert label("odd") == "odd (uid 0)"
    assert label("ghost") == "ghost (no such user)"
    assert label("app:ghosts") == "app:ghosts (no such group)"


@given(spec=st.text(alphabet="ap0:19 -+\x00é", max_size=12))
def test_any_spec_gives_a_user(spec: str):
    user = resolve(spec, USERS, GROUPS)
    assert user.exists is not bool(user.missing)
    assert user.is_root == (user.uid == 0)
    assert user.label


@given(mode=st.integers(0, 0o777), uid=st.sampled_from([0, 999]), gid=st.sampled_from([0, 998, 4, 5]))
def test_the_first_class_that_fits_decides(mode: int, uid: int, gid: int):
    accounts = {"etc/passwd": "app:x:999:998::/:\n", "etc/group": "adm:x:4:app\n"}
    evidence = evidence_of(image(layer({**accounts, "f": file("x", mode=mode, uid=uid, gid=gid)}), user="app"))
    user = effective_user(evidence)
    shift = 6 if uid == 999 else 3 if gid in (998, 4) else 0
    assert may_read(user, evidence.overlay, "f") is bool(mode >> shift & 4)
    assert may_execute(user, evidence.overlay, "f") is bool(mode >> shift & 1)
    root = resolve("", (), ())
    assert may_read(root, evidence.overlay, "f")
    assert may_execute(root, evidence.overlay, "f") is bool(mode & 0o111)


def test_directories_must_let_one_through_also_behind_a_link():
    evidence = evidence_of(image(
        layer({
            "closed/": directory(0o700),
            "closed/f": file("x"),
            "link": symlink("/closed/f"),
            "open/": directory(),
            "open/f": file("x"),
        }),
    ))  # fmt: skip
    user = resolve("1000", (), ())
    assert not may_read(user, evidence.overlay, "closed/f")
    assert not may_read(user, evidence.overlay, "link")
    assert may_read(user, evidence.overlay, "open/f")
    assert not may_read(user, evidence.overlay, "nothing")
