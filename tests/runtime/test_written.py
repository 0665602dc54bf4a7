"""What a container wrote: the list of changes, what is asked for, and the layer that is made of it."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Problem
from imgscan.evidence import Depth, MemberKind, ScanPlan
from imgscan.layers.scan import LayerScanner
from imgscan.report.container import Change, ChangeKind
from imgscan.runtime.files import BlockStream, ReadFile, Wanted, as_layer
from imgscan.runtime.written import parse_changes, requests, trees
from tests.image_builder import directory, file, symlink, write_tar
from tests.runtime.test_settings import ANYTHING

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


def layer_of(*archives, budget=1 << 20):
    """(scan of the layer made of archives, files that went by, problems)."""
    files: list[ReadFile] = []
    problems: list[Problem] = []
    blocks = as_layer(((Wanted(path), iter([tar])) for path, tar in archives), files.append, problems, budget)
    scanner = LayerScanner(ScanPlan(depth=Depth.CONTENT), (), secret_key=b"")
    return scanner.scan(BlockStream(blocks)), files, problems


def paths_of(scan):
    return [member.path for member in scan.members]


@given(ANYTHING)
def test_an_engine_may_answer_anything(answer):
    parse_changes([answer] if not isinstance(answer, list) else answer)


def test_changes_are_in_path_order_without_what_engines_put_there():
    pairs = [("/b", 1), ("/a/x", 0), ("/a", 0), ("/c", 2), ("/etc/hosts", 0), ("/d", 9)]
    answer = [*({"Path": path, "Kind": kind} for path, kind in pairs), "no change"]
    changes, problems = parse_changes(answer)
    assert [(change.path, str(change.kind)) for change in changes] == [
        ("a", "modified"), ("a/x", "modified"), ("b", "added"), ("c", "deleted"),
    ]  # fmt: skip
    assert not problems


def test_more_changes_than_are_read_are_a_problem():
    changes, (problem,) = parse_changes([{"Path": f"/{number}", "Kind": 1} for number in range(100_001)])
    assert len(changes) == 100_000
    assert problem.effect == "incomplete"


def test_an_added_tree_is_asked_for_once_and_a_changed_directory_not_at_all():
    changes = [
        *(Change(path, ChangeKind.MODIFIED) for path in ("etc", "etc/passwd")),
        Change("gone", ChangeKind.DELETED),
        *(Change(path, ChangeKind.ADDED) for path in ("opt", "opt/a", "opt-b")),
    ]
    assert sorted(trees(changes, frozenset())) == ["etc/passwd", "opt", "opt-b"]


def test_a_tree_with_a_mount_in_it_is_asked_for_piece_by_piece():
    """Else the volume's files would come along, which are not the container's."""
    changes = [Change("srv", ChangeKind.ADDED), Change("srv/a", ChangeKind.ADDED), Change("srv/data", ChangeKind.ADDED)]
    assert trees(changes, frozenset({"srv/data/volume"})) == ["srv/a"]


def test_many_changed_files_of_a_directory_are_asked_for_together():
    """An engine takes its time for each request, however small the file."""
    many = [f"usr/bin/{number}" for number in range(40)]
    assert requests(["etc/passwd", *many], frozenset()) == [Wanted("etc/passwd"), Wanted("usr/bin", frozenset(many))]


@pytest.mark.parametrize("directory", ["", "usr/bin/"])
def test_but_not_where_a_mount_or_everything_would_come_along(directory):
    many = [f"{directory}{number}" for number in range(40)]
    assert requests(many, frozenset({"usr/bin/x/mount"})) == [Wanted(path) for path in many]


def test_of_a_directory_asked_for_as_a_whole_only_the_changed_files_are_taken():
    tar = write_tar(
        {"bin/": directory(), "bin/a": file("1"), "bin/b": file("2"), "bin/c/": directory(), "bin/c/a": file("3")}
    )
    seen = []
    blocks = as_layer(iter([(Wanted("usr/bin", frozenset({"usr/bin/b"})), iter([tar]))]), seen.append, [], 1 << 20)
    scan = LayerScanner(ScanPlan(depth=Depth.CONTENT), (), secret_key=b"").scan(BlockStream(blocks))
    assert paths_of(scan) == ["usr/bin/b"]
    assert [each.path for each in seen] == ["usr/bin/b"]


@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=2000)), max_size=4))
def test_a_layer_of_archives_has_each_file_under_its_whole_path(files):
    wanted = {}
    archives = []
    for path, data in files:
        wanted[path] = data
        archives.append((f"/{path}", write_tar([(path.rpartition("/")[2], file(data))])))
    scan, seen, problems = layer_of(*archives)
    assert not problems
    assert {each.path: each.sha256 for each in seen} == {
        path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()
    }
    assert [member.path.replace("%2ewh.", ".wh.") for member in scan.members] == [path for path, _ in files]
    assert all(member.kind is MemberKind.FILE for member in scan.members)


def test_a_directory_comes_with_all_in_it():
    tar = write_tar(
        {"new/": directory(), "new/run.sh": file("#!/bin/sh\n", mode=0o755, uid=7), "new/link": symlink("run.sh")}
    )
    scan, seen, _ = layer_of(("/opt/new", tar))
    assert paths_of(scan) == ["opt/new", "opt/new/run.sh", "opt/new/link"]
    assert (seen[1].mode & 0o7777, seen[1].uid, seen[2].kind) == (0o755, 7, MemberKind.SYMLINK)


def test_a_file_called_like_a_whiteout_hides_nothing():
    scan, _, _ = layer_of(("/app/.wh.secret", write_tar({".wh.secret": file("x")})))
    assert [member.kind for member in scan.members] == [MemberKind.FILE]


def test_an_archive_that_breaks_off_is_told_and_the_others_are_read():
    broken = write_tar({"a": file(b"x" * 5000)})[:1000]
    scan, seen, problems = layer_of(("/a", broken), ("/b", write_tar({"b": file("whole")})))
    assert paths_of(scan) == ["a", "b"]
    assert [each.truncated for each in seen] == [True, False]
    assert problems[0].path == "/a"


def test_reading_ends_at_the_budget():
    archives = [(f"/{number}", write_tar({f"{number}": file(b"x" * 600)})) for number in range(5)]
    _, seen, _ = layer_of(*archives, budget=1000)
    assert len(seen) == 2


def test_pipes_and_devices_are_seen_and_hold_nothing():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        tar.addfile(pipe)
    scan, seen, _ = layer_of(("/run/pipe", buffer.getvalue()))
    assert not scan.members
    assert seen[0].path == "run/pipe"
