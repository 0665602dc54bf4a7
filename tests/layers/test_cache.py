"""The cache of layer scans: what it gives is what was put, whatever happens to its files."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from imgscan.errors import Effect, Problem
from imgscan.evidence import Depth, Fact, LayerScan, ScanPlan, Skip
from imgscan.image.blob import FileBlob
from imgscan.layers.cache import MAGIC, FileIdentity, ScanCache, decode_scan, encode_scan
from imgscan.layers.matchers.reference import ReferenceMatcher
from imgscan.layers.scan import LayerScanner
from imgscan.secrets.structures import STRUCTURES
from tests.image_builder import Entry, sha256, symlink, write_tar
from tests.laws import Chunked
from tests.secrets.forms import OWN

TAR = write_tar(
    [
        ("app/notes.txt", "\n".join(line for _, line, _ in OWN)),
        (b"app/\xff", "x"),
        ("app/link", symlink("notes.txt")),
        ("../up", Entry("y", xattrs={"user.a": b"\0\xff"})),
        ("/abs", ""),
    ]
)
YEAR_NS = 365 * 86_400 * 10**9


def scanned(tar: bytes = TAR) -> LayerScan:
    plan = ScanPlan(Depth.CONTENT, ("all",))
    scan = LayerScanner(plan, STRUCTURES, secret_key=b"k" * 32, matcher=ReferenceMatcher).scan(Chunked(tar))
    return replace(
        scan,
        facts=(Fact("accounts", 0, (("root", 0, None), ("caf\udce9", -1, ""))),),
        coverage=replace(scan.coverage, opaque=(Skip("encrypted", 1, 5),)),
    )


@pytest.fixture(scope="module")
def scan() -> LayerScan:
    result = scanned()
    assert result.matches
    assert result.problems
    return result


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_what_was_put_comes_back(scan, tmp_path):
    ScanCache(tmp_path / "cache").put(scan)
    cache = ScanCache(tmp_path / "cache")
    assert cache.get(scan.diff_id, scan.plan) == scan
    assert cache.get(scan.diff_id, "another plan") is None
    assert cache.get("sha256:" + "0" * 64, scan.plan) is None
    assert cache.failure == ""


def test_a_scan_that_did_not_read_everything_is_not_kept(scan, tmp_path):
    cache = ScanCache(tmp_path)
    cache.put(replace(scan, problems=(Problem("truncated-layer", "cut", Effect.INCOMPLETE),)))
    assert cache.get(scan.diff_id, scan.plan) is None
    cache.put(replace(scan, problems=(Problem("encrypted", "zip", Effect.OPAQUE),)))
    assert cache.get(scan.diff_id, scan.plan) is not None


def test_damage_anywhere_in_a_file_makes_it_a_miss(scan, tmp_path):
    cache = ScanCache(tmp_path)
    cache.put(scan)
    (path,) = (path for path in files(tmp_path) if path.suffix == ".scan")
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 300)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.get(scan.diff_id, scan.plan) is None, f"byte {place}"
        path.write_bytes(whole[:place])
        assert cache.get(scan.diff_id, scan.plan) is None, f"cut at {place}"
    path.write_bytes(whole + b"more")
    assert cache.get(scan.diff_id, scan.plan) is None
    path.write_bytes(whole)
    assert cache.get(scan.diff_id, scan.plan) == scan


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 7, b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]", b"\4\0\0\0\0\0\0\0null"]
)
def test_a_file_of_another_version_is_a_miss_not_an_error(body):
    with pytest.raises(ValueError, match=r"scan|JSON|Expecting"):
        decode_scan(MAGIC + struct.pack("<Q32s", len(body), hashlib.sha256(body).digest()) + body)


def test_a_scan_under_the_name_of_another_is_a_miss(scan, tmp_path):
    cache = ScanCache(tmp_path)
    other = replace(scan, diff_id="sha256:" + "1" * 64)
    cache.put(scan)
    cache.put(other)
    one, two = (path for path in files(tmp_path) if path.suffix == ".scan")
    one.write_bytes(two.read_bytes())
    found = [cache.get(each.diff_id, each.plan) for each in (scan, other)]
    assert sorted(result is None for result in found) == [False, True]


def test_only_its_owner_may_look_into_the_cache(scan, tmp_path):
    before = os.umask(0)
    try:
        cache = ScanCache(tmp_path / "deep" / "cache")
        cache.put(scan)
        cache.put_config(sha256(b"{}"), b"{}")
    finally:
        os.umask(before)
    root = tmp_path / "deep" / "cache"
    for path in (root, *root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, path.name
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


# -- a directory that cannot be used


@pytest.mark.parametrize("where", ["a file", "in a file", "no such device"])
def test_a_cache_that_cannot_be_written_says_so_once_and_scans_go_on(scan, tmp_path, where):
    (tmp_path / "file").write_text("x")
    directory = {
        "a file": tmp_path / "file",
        "in a file": tmp_path / "file" / "cache",
        "no such device": Path("/proc/imgscan/cache"),
    }[where]
    cache = ScanCache(directory)
    key = cache.secret_key()
    cache.put(scan)
    cache.put_config(sha256(b"{}"), b"{}")
    cache.put_identity(FileIdentity((1, 2), settled=True), scan)
    cache.prune()
    assert (len(key), cache.secret_key()) == (32, key)
    assert cache.get(scan.diff_id, scan.plan) is None
    assert cache.find(FileIdentity((1, 2), settled=True), scan.plan) is None
    assert str(directory) in cache.failure


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from imgscan.layers.cache import ScanCache
from tests.layers.test_cache import scanned
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
scan, cache = scanned(), ScanCache(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # the key fits, a scan does not
cache.put(scan)
assert cache.failure and cache.get(scan.diff_id, scan.plan) is None
"""


def test_a_full_disk_leaves_no_half_written_file(scan, tmp_path):
    subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], check=True, cwd=Path(__file__).parents[2])
    assert [path.name for path in files(tmp_path)] == ["key"]
    cache = ScanCache(tmp_path)
    cache.put(scan)
    assert cache.get(scan.diff_id, scan.plan) == scan


# -- several at once


def key_of(directory: str) -> bytes:
    return ScanCache(Path(directory)).secret_key()


def put_and_get(directory: str) -> bool:
    cache, scan = ScanCache(Path(directory)), scanned()
    found = []
    for _ in range(5):
        cache.put(scan)
        found.append(cache.get(scan.diff_id, scan.plan) == scan)
    return all(found) and not cache.failure


def test_processes_that_start_at_once_agree_on_one_key_and_do_not_disturb_one_another(tmp_path):
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        for number in range(5):
            directory = tmp_path / str(number)
            assert len(set(pool.map(key_of, [str(directory)] * 6))) == 1
            assert [path.name for path in files(directory)] == ["key"]
        assert all(pool.map(put_and_get, [str(tmp_path / "0")] * 3))
    assert len(files(tmp_path / "0")) == 2


# -- the key


def test_scans_whose_matches_bear_a_lost_key_are_not_found(scan, tmp_path):
    """Equal secrets would seem to be different ones."""
    cache = ScanCache(tmp_path)
    cache.put(scan)
    (tmp_path / "key").unlink()
    assert ScanCache(tmp_path).get(scan.diff_id, scan.plan) is None


@pytest.mark.parametrize("damaged", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_replaced(tmp_path, damaged):
    (tmp_path / "key").write_bytes(damaged)
    key = ScanCache(tmp_path).secret_key()
    assert len(key) == 32
    assert ScanCache(tmp_path).secret_key() == key


# -- identities of files


def settled(blob: FileBlob) -> FileIdentity:
    return replace(FileIdentity.of(blob), settled=True)


def test_a_scan_is_found_by_the_identity_of_the_file_it_was_read_from(scan, tmp_path):
    path = tmp_path / "layer.tar"
    path.write_bytes(TAR)
    blob = FileBlob(str(path), 0, len(TAR))
    cache = ScanCache(tmp_path / "cache")
    cache.put(scan)
    cache.put_identity(settled(blob), replace(scan, digest="sha256:stored"))
    found = cache.find(settled(blob), scan.plan)
    assert found == replace(scan, digest="sha256:stored")
    assert cache.find(settled(blob), "another plan") is None


@pytest.mark.parametrize("change", ["content", "size", "mtime", "mode", "replaced", "offset", "length"])
def test_any_change_of_a_file_is_another_identity(tmp_path, change):
    path = tmp_path / "layer.tar"
    path.write_bytes(b"x" * 100)
    os.utime(path, ns=(YEAR_NS, YEAR_NS))
    blob = FileBlob(str(path), 0, 100)
    before = FileIdentity.of(blob)
    match change:
        case "content":
            path.write_bytes(b"y" * 100)
            os.utime(path, ns=(YEAR_NS, YEAR_NS))  # the time of change shows what the time of modification hides
        case "size":
            path.write_bytes(b"x" * 101)
        case "mtime":
            os.utime(path, ns=(YEAR_NS, YEAR_NS + 1))
        case "mode":
            path.chmod(0o600)
        case "replaced":
            (tmp_path / "other").write_bytes(b"x" * 100)
            (tmp_path / "other").replace(path)
            os.utime(path, ns=(YEAR_NS, YEAR_NS))
        case "offset":
            blob = FileBlob(str(path), 1, 100)
        case "length":
            blob = FileBlob(str(path), 0, 99)
    assert FileIdentity.of(blob) != before
    assert FileIdentity.of(blob).name != before.name


def test_a_file_written_just_now_is_not_trusted(scan, tmp_path):
    path = tmp_path / "layer.tar"
    path.write_bytes(TAR)
    identity = replace(FileIdentity.of(FileBlob(str(path), 0, len(TAR))), settled=False)
    cache = ScanCache(tmp_path / "cache")
    cache.put(scan)
    cache.put_identity(identity, scan)
    assert cache.find(identity, scan.plan) is None


def test_a_file_that_is_gone_has_no_identity(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        FileIdentity.of(FileBlob(str(tmp_path / "gone"), 0, 1))


@pytest.mark.parametrize("damaged", [b"", b"[]", b"null", b"{}", b"\xff", b'"x"', None])
def test_a_damaged_identity_is_a_miss(scan, tmp_path, damaged):
    cache, identity = ScanCache(tmp_path), FileIdentity((1, 2, 3), settled=True)
    cache.put(scan)
    cache.put_identity(identity, scan)
    (path,) = (tmp_path / "files").iterdir()
    path.write_bytes(json.dumps({"identity": [1, 2, 3], "diff_id": 7}).encode() if damaged is None else damaged)
    assert cache.find(identity, scan.plan) is None


# -- configs and size


def test_a_blob_is_found_by_the_digest_that_a_read_of_it_gave(scan, tmp_path):
    """With the size and digest it has as stored, which a scan found by diff_id does not know."""
    cache = ScanCache(tmp_path)
    stored = replace(scan, digest=sha256(b"compressed"), stored_size=123)
    cache.put(stored)
    assert cache.find_blob(stored.digest, scan.plan) is None  # nobody said so
    cache.put_blob(stored)
    assert cache.find_blob(stored.digest, scan.plan) == stored
    assert cache.find_blob(stored.digest, "another plan") is None
    assert cache.find_blob(stored.diff_id, scan.plan) is None  # what is inside a blob is another blob


def test_a_blob_whose_scan_was_not_kept_is_a_miss(scan, tmp_path):
    cache = ScanCache(tmp_path)
    cut = replace(scan, digest=sha256(b"c"), problems=(Problem("x", "cut off", Effect.INCOMPLETE),))
    cache.put(cut)
    cache.put_blob(cut)
    assert cache.find_blob(cut.digest, scan.plan) is None


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b"{", b'{"digest": 1}'])
def test_a_damaged_note_on_a_blob_is_a_miss(scan, tmp_path, damaged):
    cache = ScanCache(tmp_path)
    cache.put(scan)
    cache.put_blob(scan)
    assert cache.find_blob(scan.digest, scan.plan) == scan
    (path,) = files(tmp_path / "blobs")
    path.write_bytes(damaged)
    assert cache.find_blob(scan.digest, scan.plan) is None


def test_a_config_comes_back_only_as_what_its_digest_says(tmp_path):
    cache = ScanCache(tmp_path)
    blob = b'{"os":"linux"}'
    cache.put_config(sha256(blob), blob)
    cache.put_config("sha256:" + "0" * 64, blob)
    assert cache.config(sha256(blob)) == blob
    assert [cache.config(name) for name in ("sha256:" + "0" * 64, "sha256:../../key", "md5:x", "")] == [None] * 4
    next((tmp_path / "configs").iterdir()).write_bytes(b"{}")
    assert cache.config(sha256(blob)) is None


def test_the_least_recently_used_go_first_and_the_key_stays(scan, tmp_path):
    cache = ScanCache(tmp_path)
    scans = [replace(scan, diff_id=f"sha256:{number:064}") for number in range(4)]
    for number, each in enumerate(scans):
        cache.put(each)
        for path in files(tmp_path / "scans"):
            if path.stat().st_mtime_ns > YEAR_NS * 30:
                os.utime(path, ns=(YEAR_NS + number, YEAR_NS + number))
    assert cache.get(scans[0].diff_id, scan.plan) is not None  # used now
    cache.prune(cap=2 * len(encode_scan(scans[0])))
    kept = [cache.get(each.diff_id, each.plan) is not None for each in scans]
    assert kept == [True, False, False, True]
    cache.prune(cap=0)
    assert [path.name for path in files(tmp_path)] == ["key"]


def test_numbers_of_another_machine_are_a_miss(scan):
    data = encode_scan(scan)
    assert decode_scan(data) == scan
    other = "big" if sys.byteorder == "little" else "little"
    start = len(MAGIC) + 40
    body = data[start:].replace(f'"byteorder":"{sys.byteorder}"'.encode(), f'"byteorder":"{other}"'.encode())
    (length,) = struct.unpack_from("<Q", body)
    body = struct.pack("<Q", length + len(other) - len(sys.byteorder)) + body[8:]
    with pytest.raises(ValueError, match="another machine"):
        decode_scan(MAGIC + struct.pack("<Q32s", len(body), hashlib.sha256(body).digest()) + body)
