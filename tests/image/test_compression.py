"""Compressed streams: every form that is legal is read to its end, and every other one is told, never raised."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect
from imgscan.image.compression import Compression, PlainStream, detect_compression
from tests.image_builder import COMPRESSIONS, compress, skippable_frame
from tests.laws import CHUNKS, Chunked

TEXT = b"".join(b"line %d of some text\n" % number for number in range(300))
KINDS = {"gzip": Compression.GZIP, "zstd": Compression.ZSTD, "bz2": Compression.BZIP2, "xz": Compression.XZ}
COMPRESSED = [how for how in COMPRESSIONS if how != "none"]
DATA = st.one_of(st.binary(max_size=3000), st.integers(0, 200).map(lambda count: b"abc\n" * count))


def read(blob: bytes, chunk: int | None = None, take: int = 1 << 20, **limits: int) -> tuple[bytes, PlainStream]:
    stream = PlainStream(Chunked(blob, chunk), stored_hash=hashlib.sha256(), **limits)
    buffer = bytearray(take)
    parts = []
    while count := stream.fill(memoryview(buffer)):
        parts.append(bytes(buffer[:count]))
        if count < take:
            break
    return b"".join(parts), stream


def codes(stream: PlainStream) -> list[str]:
    return [problem.code for problem in stream.problems]


@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_every_form_is_read_to_its_end(how, chunk):
    blob = compress(TEXT, how)
    for take in (1 << 20, 1000):
        plain, stream = read(blob, chunk, take)
        assert plain == TEXT
        assert (stream.size, stream.stored_size, stream.problems) == (len(TEXT), len(blob), ())
    assert stream.compression is KINDS.get(how.partition("-")[0], Compression.NONE)


@given(DATA, st.sampled_from(list(COMPRESSIONS)), st.sampled_from([1, 7, 513, None]), st.sampled_from([1, 64, 1 << 16]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_come_back(data, how, chunk, take):
    if how == "none" and detect_compression(data) is not Compression.NONE:
        return
    plain, stream = read(compress(data, how), chunk, take)
    assert (plain, stream.problems) == (data, ())


@given(st.lists(DATA, min_size=1, max_size=5), st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_members_of_gzip_are_read_as_gzip_reads_them(parts, zeros):
    blob = b"".join(gzip.compress(part, mtime=0) + bytes(zeros) for part in parts)
    assert read(blob, 100)[0] == gzip.decompress(blob) == b"".join(parts)


@given(st.lists(DATA, min_size=1, max_size=4), st.lists(st.binary(max_size=40), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_frames_of_zstd_with_skippable_ones_anywhere(parts, skipped):
    frames = [skippable_frame(skipped[0], 15)]
    for part, payload in zip(parts, skipped[1:], strict=False):
        frames += [compress(part, "zstd"), skippable_frame(payload, 3)]
    plain, stream = read(b"".join(frames), 50)
    assert (plain, stream.problems) == (b"".join(parts), ())


def test_streams_of_xz_and_bzip2_follow_one_another():
    for pack in (lambda data: lzma.compress(data, preset=0), bz2.compress):
        plain, stream = read(pack(b"one ") + pack(b"two"), 10)
        assert (plain, stream.problems) == (b"one two", ())


@pytest.mark.parametrize("how", COMPRESSED)
def test_a_stream_cut_anywhere_gives_a_beginning_and_says_so(how):
    blob = compress(TEXT[:1500], how)
    whole = [length for length in range(len(blob)) if _is_whole(blob[:length], how)]
    for length in range(len(blob)):
        plain, stream = read(blob[:length], 97)
        if stream.compression is Compression.NONE:
            assert plain == blob[:length]
            continue
        assert TEXT[:1500].startswith(plain)
        if length not in whole:
            (problem,) = stream.problems
            assert (problem.code, problem.effect) in {
                ("truncated-stream", Effect.INCOMPLETE),
                ("trailing-data", Effect.NOTE),
            }
            assert problem.code == "truncated-stream" or plain in _parts(blob, how)


def _is_whole(blob: bytes, how: str) -> bool:
    """Whether a shorter blob is legal by itself: trailing zeros, whole members, whole frames."""
    if how.startswith("gzip"):
        try:
            gzip.decompress(blob)
        except (EOFError, OSError, zlib.error):
            return False
        return bool(blob)
    return how.startswith("zstd") and len(blob) in _frame_ends(compress(TEXT[:1500], how), how)


def _frame_ends(blob: bytes, how: str) -> set[int]:
    step = max(1500 // 3, 1)
    if how == "zstd-frames":
        sizes = [len(compress(TEXT[at : min(at + step, 1500)], "zstd")) for at in range(0, 1500, step)]
        return {sum(sizes[:count]) for count in range(1, len(sizes) + 1)}
    if how == "zstd-skippable":
        first = len(skippable_frame(b"before", 3))
        return {first, len(blob) - len(skippable_frame(b"after")), len(blob)}
    return {len(blob)}


def _parts(blob: bytes, how: str) -> set[bytes]:
    step = 1500 // 3
    return {TEXT[:1500][:end] for end in (0, step, 2 * step, 1500)}


@pytest.mark.parametrize("how", COMPRESSED)
def test_damage_anywhere_never_raises(how):
    blob = compress(TEXT, how)
    chooser = random.Random(how)
    for place in chooser.sample(range(len(blob)), min(len(blob), 120)):
        damaged = bytearray(blob)
        damaged[place] ^= 1 << chooser.randrange(8)
        plain, stream = read(bytes(damaged), 100)
        if plain != TEXT and stream.compression is not Compression.NONE and how not in UNCHECKED:
            assert stream.problems, f"byte {place}"


UNCHECKED = ("zstd", "zstd-frames", "zstd-skippable", "zstd-stored")
"""zstd frames bear a checksum only where the writer asked for one; the layer's digest is what tells."""


@given(
    st.binary(max_size=600),
    st.sampled_from([b"\x1f\x8b\x08\x00", b"(\xb5/\xfd", b"BZh91AY&SY", b"\xfd7zXZ\0", b"P*M\x18"]),
)
@settings(max_examples=300, deadline=None)
def test_noise_behind_a_magic_never_raises(noise, magic):
    _, stream = read(magic + noise, 64)
    assert stream.stored_size == len(magic + noise)


@pytest.mark.parametrize("how", ["gzip", "bz2", "xz"])
def test_a_wrong_checksum_is_told(how):
    blob = bytearray(compress(TEXT, how))
    place = {"gzip": -8, "bz2": -5, "xz": -30}[how]
    blob[place] ^= 0xFF
    _, stream = read(bytes(blob))
    assert [(p.code, p.effect) for p in stream.problems] == [("corrupt-stream", Effect.INCOMPLETE)]


@pytest.mark.parametrize("how", ["gzip", "zstd", "bz2", "xz"])
def test_data_behind_the_end_is_told_and_counted(how):
    blob = compress(TEXT, how) + b"something hidden"
    plain, stream = read(blob, 100)
    assert (plain, codes(stream), stream.stored_size) == (TEXT, ["trailing-data"], len(blob))


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_every_stored_byte_is_in_the_digest_also_of_what_breaks(how):
    for blob in (compress(TEXT, how), compress(TEXT, how)[:-20] + bytes(40) + b"garbage"):
        digest = hashlib.sha256()
        stream = PlainStream(Chunked(blob, 100), stored_hash=digest)
        while stream.read(1000):
            pass
        stream.drain()
        assert digest.digest() == hashlib.sha256(blob).digest()


@pytest.mark.parametrize("how", ["gzip", "zstd", "bz2", "xz"])
def test_a_bomb_is_stopped_and_its_blob_is_still_digested(how):
    blob = compress(bytes(3_000_000), how)
    plain, stream = read(blob, None, 1 << 16, max_ratio=100, ratio_from=100_000)
    assert codes(stream) == ["decompression-bomb"]
    assert len(plain) == stream.size <= max(100_000, 100 * len(blob)) + (1 << 16)
    assert stream.stored_size == len(blob)


def test_what_is_merely_well_compressed_is_no_bomb():
    plain, stream = read(compress(bytes(3_000_000), "gzip"), max_ratio=1200, ratio_from=100_000)
    assert (len(plain), stream.problems) == (3_000_000, ())


@pytest.mark.parametrize("how", ["none", "gzip", "zstd"])
def test_a_blob_larger_than_allowed_is_stopped(how):
    plain, stream = read(compress(TEXT, how), None, 100, max_bytes=1000)
    assert (len(plain), stream.size, codes(stream)) == (1000, 1000, ["layer-too-big"])
    assert read(compress(TEXT, how), max_bytes=len(TEXT))[1].problems == ()


def test_an_empty_blob_is_empty():
    plain, stream = read(b"")
    assert (plain, stream.size, stream.compression, stream.problems) == (b"", 0, Compression.NONE, ())


@pytest.mark.parametrize("name", ["P*M.txt", "BZh9 readme", "\x1fx"])
def test_a_tar_whose_first_name_is_like_a_magic_is_plain(name):
    assert detect_compression(name.encode().ljust(512, b"\0")) is Compression.NONE
