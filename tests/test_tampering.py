"""Who may put something else in the place of a file: path_resolution(7) and inode(7), read plainly, are the oracle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgscan.accounts import EffectiveUser
from imgscan.tampering import OTHERS, weak_point
from tests.analyzers.evidence import evidence_of
from tests.image_builder import directory, file, image, layer, symlink

MODES = st.sampled_from([0o700, 0o755, 0o775, 0o777, 0o1777, 0o500, 0o711, 0o757])
OWNERS = st.sampled_from([0, 1000])
APP = EffectiveUser("app", 1000, 1000, "app", (1000,), implicit=False)


def may(mode: int, uid: int, gid: int, bit: int) -> bool:
    """Whether user 1000 of group 1000 has a right."""
    shift = 6 if uid == 1000 else 3 if gid == 1000 else 0
    return bool(mode >> shift & bit)


@given(st.lists(st.tuples(MODES, OWNERS, OWNERS), min_size=4, max_size=4))
def test_the_uppermost_place_is_found(entries):
    """/a/b/c with any owners and modes: / first, then each directory on the way, then the file."""
    names = ["./", "a/", "a/b/", "a/b/c"]
    files = {
        name: (directory if name.endswith("/") else file)(mode=mode, uid=uid, gid=gid)
        for name, (mode, uid, gid) in zip(names, entries, strict=True)
    }
    expected = None
    for depth, (mode, uid, gid) in enumerate(entries):
        if depth == 3:
            expected = "a/b/c" if uid == 1000 or may(mode, uid, gid, 2) else None
            break
        if not may(mode, uid, gid, 1) and uid != 1000:
            break
        sticky = mode & 0o1000 and 1000 not in (uid, entries[depth + 1][1])
        if (uid == 1000 or may(mode, uid, gid, 2)) and not sticky:
            expected = names[depth].strip("./")
            break
    found = weak_point(APP, evidence_of(image(layer(files))).overlay, "a/b/c")
    assert (None if found is None else found.path) == expected


def test_both_the_name_and_where_it_leads_are_looked_at():
    files = {
        "usr/local/bin/": directory(),
        "usr/local/bin/tool": symlink("/srv/tool/run"),
        "srv/": directory(),
        "srv/tool/": directory(uid=1000),
        "srv/tool/run": file(mode=0o755),
    }
    overlay = evidence_of(image(layer(files))).overlay
    found = weak_point(APP, overlay, "usr/local/bin/tool")
    assert found is not None
    assert found.path == "srv/tool"
    assert weak_point(OTHERS, overlay, "usr/local/bin/tool") is None
    assert weak_point(APP, overlay, "usr/local/bin/absent") is None
