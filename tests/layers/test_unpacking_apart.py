"""What archives hold is the same wherever they are opened; a process that ends leaves a layer said to be unread."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from imgscan.errors import Effect
from imgscan.evidence import Depth, Limits
from imgscan.image.blob import FileBlob
from imgscan.layers.confirmation import Piece
from imgscan.layers.inner_work import InnerResult, InnerWork
from imgscan.layers.plan import make_plan
from imgscan.layers.scan import LayerScanner
from imgscan.layers.unpack import unpacker_of
from imgscan.layers.unpack.content import MEMORY, Content, Spool
from imgscan.layers.unpacking_apart import MovingWork, UnpackingApart
from tests.image_builder import write_tar
from tests.layers.unpack import containers as make
from tests.secrets.forms import OWN

PLAN = make_plan(Depth.CONTENT, (), secrets=True, entropy=False)
TOKEN = next(secret for kind, _, secret in OWN if kind == "npm-token").encode()
LIMITS = Limits()
JOBS = 6


def archive(number: int) -> bytes:
    files = [(f"a{number}/.env", b"NPM_TOKEN=" + TOKEN + b"\nDB_PASSWORD=hunter%dprod\n" % number)]
    return (make.zipped(files), make.tar(files), make.deb(files))[number % 3]


@pytest.fixture(scope="module")
def scanner(tmp_path_factory):
    made = LayerScanner.for_plan(PLAN, secret_key=b"k" * 32, matcher_cache=tmp_path_factory.mktemp("matcher"))
    yield made
    made.close()


@pytest.fixture
def apart(scanner):
    worker = scanner.matcher().worker()
    assert worker is not None
    made = UnpackingApart(PLAN, scanner.secret_key, worker.database, None)
    while not made.ready():
        assert made.alive
    yield made
    made.close()


def run(work: InnerWork | MovingWork, first: int = 0, last: int = JOBS) -> None:
    for number in range(first, last):
        data = archive(number)
        unpacker = unpacker_of(data, 0, min(512, len(data)))
        assert unpacker is not None
        if number % 2:
            content = Content.of_bytes(data)
        else:
            spool = Spool()
            spool.write(data)
            content = spool.content()
        work.open(number, f"opt/{number}", unpacker, content, complete=True)
        text = b"A_PASSWORD=hunter%dencoded\n" % number
        work.decode(number, f"opt/{number}", [Piece(number, f"opt/{number}.env", "base64", 10, 1, text)])


def here(scanner) -> InnerResult:
    work = InnerWork(scanner.inner_search(), LIMITS, again=False)
    run(work)
    return work.result()


@pytest.mark.parametrize("moved_after", range(JOBS + 1))
def test_the_result_is_the_same_whenever_the_work_moves(scanner, apart, moved_after):
    work = InnerWork(scanner.inner_search(), LIMITS, again=False)
    run(work, 0, moved_after)
    moved = apart.take(work, None)
    assert moved is not None
    run(moved, moved_after)
    expected = here(scanner)
    assert len(expected.unpacked) == 2 * JOBS
    assert len(expected.decoded) == JOBS
    assert moved.result() == expected


def test_budgets_move_along(scanner, apart):
    limits = replace(LIMITS, inner_layer_members=3)
    work, moving = (InnerWork(scanner.inner_search(), limits, again=False) for _ in range(2))
    run(work)
    run(moving, 0, 2)
    moved = apart.take(moving, None)
    run(moved, 2)
    assert moved.result() == work.result()
    assert any(problem.effect is Effect.INCOMPLETE for problem in work.result().problems)


def test_what_lies_in_a_spooled_file_or_in_the_layer_itself_is_read_there(scanner, apart, tmp_path):
    data = make.zipped([("pad", os.urandom(MEMORY + 1)), (".env", b"NPM_TOKEN=" + TOKEN + b"\n")], 0)
    layer = tmp_path / "layer.tar"
    layer.write_bytes(b"x" * 1000 + data)
    unpacker = unpacker_of(data, 0, 512)
    work = apart.take(
        InnerWork(scanner.inner_search(), LIMITS, again=True), FileBlob(str(layer), 0, layer.stat().st_size).open
    )
    spool = Spool()
    spool.write(data)
    work.open(0, "spooled.zip", unpacker, spool.content(), complete=True)
    work.open(1, "in-the-layer.zip", unpacker, Content(len(data), lambda _at, _size: b"", place=1000), complete=True)
    assert [(match.member, match.inner_path) for match in work.result().unpacked] == [(0, ".env"), (1, ".env")]


def test_a_process_that_ends_leaves_the_layer_incomplete(scanner, apart):
    moved = apart.take(InnerWork(scanner.inner_search(), LIMITS, again=False), None)
    run(moved, 0, 2)
    os.kill(apart.process_id, signal.SIGKILL)
    run(moved, 2)
    (problem,) = moved.result().problems
    assert problem.effect is Effect.INCOMPLETE
    assert apart.take(InnerWork(scanner.inner_search(), LIMITS, again=False), None) is None


def test_a_whole_layer_is_scanned_alike_with_and_without_it(scanner, apart, tmp_path):
    """Enough in archives for the work to move; what it finds, reads and counts is in the scan."""
    pad = os.urandom(3 << 20)
    files = [(f"opt/{n}.zip", make.zipped([("pad", pad), (f"{n}.env", b"NPM_TOKEN=" + TOKEN)], 0)) for n in range(6)]
    path = tmp_path / "layer.tar"
    path.write_bytes(write_tar(files))
    blob = FileBlob(str(path), 0, path.stat().st_size)

    class Mine(LayerScanner):
        wanted: UnpackingApart | None = None

        def unpacking_apart(self) -> UnpackingApart | None:
            return self.wanted

    mine = Mine.for_plan(PLAN, secret_key=scanner.secret_key, matcher=lambda _: scanner.matcher())
    scans = []
    for wanted in (None, apart):
        mine.wanted = wanted
        with blob.open() as stream:
            scans.append(mine.scan(stream, reopen=blob.open, block_size=1 << 20))
    assert scans[0] == scans[1]
    assert {match.inner_path for match in scans[0].matches} == {f"{n}.env" for n in range(6)}


def test_secrets_to_show_come_back(scanner):
    worker = scanner.matcher().worker()
    revealed: dict[bytes, str] = {}
    apart = UnpackingApart(PLAN, scanner.secret_key, worker.database, revealed)
    while not apart.ready():
        assert apart.alive
    moved = apart.take(InnerWork(scanner.inner_search(), LIMITS, again=False), None)
    run(moved)
    moved.result()
    apart.close()
    assert TOKEN.decode() in revealed.values()


def test_it_imports_nothing_from_the_working_directory(scanner, tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit('a file of the user was run')")
    monkeypatch.chdir(Path(tmp_path))
    worker = scanner.matcher().worker()
    apart = UnpackingApart(PLAN, scanner.secret_key, worker.database, None)
    while not apart.ready():
        assert apart.alive
    apart.close()
