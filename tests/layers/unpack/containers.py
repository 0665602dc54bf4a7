"""Containers of every kind, built from (path, data) pairs or a single content, without the programs that make them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence

import lz4.frame

Files = Sequence[tuple[str, bytes]]


def tar(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in files:
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in files:
            archive.writestr(zipfile.ZipInfo(path), data, method)
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    try:
        from compression.zstd import compress
    except ImportError:
        from backports.zstd import compress
    return compress(data)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
    "lz4": lz4.frame.compress,
}


def ar(files: Files) -> bytes:
    parts = [b"!<arch>\n"]
    for path, data in files:
        parts.append(b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (path.encode(), 0, 0, 0, b"100644", len(data)))
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def deb(files: Files, compression: str = "xz") -> bytes:
    control = COMPRESSIONS["gz"](tar([("./control", b"Package: app\nMaintainer: x\n")]))
    data = COMPRESSIONS[compression](tar([(f"./{path}", content) for path, content in files]))
    return ar([("debian-binary", b"2.0\n"), ("control.tar.gz", control), (f"data.tar.{compression}", data)])


def cpio(files: Files) -> bytes:
    parts = []
    for path, data in [*files, ("TRAILER!!!", b"")]:
        name = path.encode() + b"\0"
        mode = 0o100644 if path != "TRAILER!!!" else 0
        fields = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]
    return b"".join(parts)


def old_cpio(files: Files) -> bytes:
    parts = []
    for path, data in [*files, ("TRAILER!!!", b"")]:
        name = path.encode() + b"\0"
        numbers = b"%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o" % (
            *(0, 0, 0o100644, 0, 0, 1, 0, 0, len(name)),
            len(data),
        )
        parts += [b"070707" + numbers, name, data]
    return b"".join(parts)


def rpm(files: Files, compression: str = "zst") -> bytes:
    def header(size: int) -> bytes:
        return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 1, size) + struct.pack(">4I", 1000, 6, 0, 1)

    lead = b"\xed\xab\xee\xdb\x03\0" + bytes(90)
    signature = header(5) + b"sign\0"
    padding = bytes(-(len(lead) + len(signature)) % 8)
    payload = COMPRESSIONS[compression](cpio([(f"./{path}", data) for path, data in files]))
    return lead + signature + padding + header(4) + b"app\0" + payload


def asar(files: Files) -> bytes:
    tree: dict[str, object] = {}
    at = 0
    for path, data in files:
        *folders, name = path.split("/")
        below = tree
        for folder in folders:
            below = below.setdefault(folder, {"files": {}})["files"]  # type: ignore[index,assignment]
        below[name] = {"size": len(data), "offset": str(at)}
        at += len(data)
    text = json.dumps({"files": tree}, separators=(",", ":")).encode()
    padded = text + bytes(-len(text) % 4)
    head = struct.pack("<4I", 4, len(padded) + 8, len(padded) + 4, len(text))
    return head + padded + b"".join(data for _, data in files)


def sqlite(*statements: tuple[str, tuple[object, ...]] | str, encoding: str = "UTF-8") -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    for statement in statements:
        if isinstance(statement, str):
            connection.execute(statement)
        else:
            connection.execute(*statement)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def seven_zip(files: Files) -> bytes:
    """One solid folder of LZMA2, behind a filter for x86 code; a header that is not compressed."""

    def number(value: int) -> bytes:
        return bytes([value]) if value < 128 else b"\xc0" + value.to_bytes(2, "little")

    plain = b"".join(data for _, data in files)
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = lzma.compress(plain, lzma.FORMAT_RAW, filters=filters)
    names = b"".join(path.encode("utf-16-le") + b"\0\0" for path, _ in files)
    size, count = number(len(plain)), number(len(files))
    header = b"".join(
        [
            b"\1\4",
            b"\6\0\1\x09" + number(len(packed)) + b"\0",
            b"\7\x0b\1\0\2\4\3\3\1\3\x21\x21\1\x10\0\1\x0c" + size + size + b"\0",
            b"\x08\x0d" + count + b"\x09" + b"".join(number(len(data)) for _, data in files[:-1]),
            b"\x0a\1" + b"".join(zlib.crc32(data).to_bytes(4, "little") for _, data in files) + b"\0",
            b"\0\5" + count + b"\x11" + number(len(names) + 1) + b"\0" + names + b"\0\0",
        ]
    )
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + zlib.crc32(start).to_bytes(4, "little") + start + packed + header


def git_object(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """Digest and loose form."""
    whole = b"%s %d\0" % (kind.encode(), len(data)) + data
    return hashlib.sha1(whole).digest(), zlib.compress(whole)


def git_tree(files: Files) -> bytes:
    """`data` of each is a digest."""
    return b"".join(b"100644 %s\0" % path.encode() + digest for path, digest in files)


def git_commit(tree: bytes, message: bytes = b"first\n") -> bytes:
    return b"tree %s\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n" % tree.hex().encode() + message


_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4, "ofs": 6, "ref": 7}


def git_pack(objects: Sequence[tuple[str, bytes, int | bytes | None]]) -> bytes:
    """(kind, data, base): base is an index for `ofs`, a digest for `ref`; data then is a delta."""
    parts = [b"PACK" + struct.pack(">II", 2, len(objects))]
    offsets: list[int] = []
    at = 12
    for kind, data, base in objects:
        offsets.append(at)
        size = len(data)
        head = bytearray([_TYPES[kind] << 4 | size & 15])
        size >>= 4
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        if kind == "ofs":
            assert isinstance(base, int)
            distance = at - offsets[base]
            coded = [distance & 0x7F]
            while distance := distance >> 7:
                distance -= 1
                coded.insert(0, 0x80 | distance & 0x7F)
            head += bytes(coded)
        elif kind == "ref":
            assert isinstance(base, bytes)
            head += base
        part = bytes(head) + zlib.compress(data)
        parts.append(part)
        at += len(part)
    body = b"".join(parts)
    return body + hashlib.sha1(body).digest()


def git_delta(base: bytes, keep: int, tail: bytes) -> bytes:
    """Keep so many bytes of the base, then add a tail of less than 128 bytes."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    copy = b"\xb0" + struct.pack("<H", keep)
    return varint(len(base)) + varint(keep + len(tail)) + copy + bytes([len(tail)]) + tail


def java_class(constant: tuple[str, str], field: tuple[str, str], setter: tuple[str, str]) -> bytes:
    """`static final NAME = VALUE`, `this.NAME = VALUE` and `setNAME(VALUE)`, as far as a search of constants looks."""
    pool: list[bytes] = []

    def add(entry: bytes) -> int:
        pool.append(entry)
        return len(pool)

    def utf8(text: str) -> int:
        return add(b"\1" + struct.pack(">H", len(text)) + text.encode())

    def string(text: str) -> int:
        return add(b"\x08" + struct.pack(">H", utf8(text)))

    def reference(tag: bytes, name: str) -> int:
        pair = add(b"\x0c" + struct.pack(">HH", utf8(name), utf8("Ljava/lang/String;")))
        return add(tag + struct.pack(">HH", add(b"\7" + struct.pack(">H", utf8("App"))), pair))

    names = [utf8(constant[0]), utf8("ConstantValue")]
    values = [string(value) for _, value in (constant, field, setter)]
    stored, called = reference(b"\x09", field[0]), reference(b"\x0a", setter[0])
    fields = struct.pack(">HHHHHIH", 0x19, names[0], names[0], 1, names[1], 2, values[0])
    code = b"\x2a\x12" + bytes([values[1]]) + b"\xb5" + struct.pack(">H", stored)
    code += b"\x2a\x13" + struct.pack(">H", values[2]) + b"\xb6" + struct.pack(">H", called) + b"\xb1"
    head = b"\xca\xfe\xba\xbe\0\0\0\x37" + struct.pack(">H", len(pool) + 1) + b"".join(pool)
    return head + struct.pack(">HHHHH", 0x21, 1, 1, 0, 1) + fields + b"\0\1" + code


def pdf(content: bytes) -> bytes:
    stream = zlib.compress(content)
    return (
        b"%%PDF-1.4\n1 0 obj\n<</Length %d /Filter /FlateDecode>>\nstream\n" % len(stream) + stream + b"\nendstream\n"
    )
