"""A secret inside a container of every kind is found, with its place inside."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence

import pytest

from imgscan.errors import Effect
from imgscan.evidence import Depth, LayerScan, ScanPlan
from imgscan.layers.scan import LayerScanner
from imgscan.secrets.detectors import detectors
from tests.image_builder import write_tar
from tests.laws import Chunked
from tests.layers.unpack import containers as make
from tests.secrets.forms import OWN

TOKEN = next(secret for kind, _, secret in OWN if kind == "npm-token").encode()
ENV = b"# settings\nNPM_TOKEN=" + TOKEN + b"\nDATABASE_PASSWORD=super_secret_password_123\n"
FILES = [("README", b"nothing\n" * 40), ("app/.env", ENV), ("z", b"x" * 700)]


@pytest.fixture(scope="module")
def scanner() -> LayerScanner:
    return LayerScanner(ScanPlan(Depth.CONTENT, ("all",), ()), detectors(), secret_key=b"k" * 32)


@pytest.fixture(scope="module")
def scan(scanner):
    def run(*members: bytes, block_size: int = 8 << 20) -> LayerScan:
        tar = write_tar([(f"opt/file{index}.bin", data) for index, data in enumerate(members)])
        result = scanner.scan(Chunked(tar), block_size=block_size)
        inner = result.coverage.inner
        assert inner.members == inner.scanned + sum(skip.count for skip in (*inner.skipped, *inner.opaque))
        return result

    return run


def sightings(scan: LayerScan) -> list[tuple[str | None, str, int, int]]:
    """Inner path, kind, line and offset of the token's and the password's matches."""
    return [(match.inner_path, match.rule, match.line, match.offset) for match in scan.matches]


def in_env(path: str) -> list[tuple[str | None, str, int, int]]:
    return [(path, "npm-token", 2, ENV.index(TOKEN)), (path, "keyword", 3, ENV.index(b"super"))]


ARCHIVES = {
    "zip": make.zipped(FILES),
    "stored zip": make.zipped(FILES, zipfile.ZIP_STORED),
    "bzip2 zip": make.zipped(FILES, zipfile.ZIP_BZIP2),
    "lzma zip": make.zipped(FILES, zipfile.ZIP_LZMA),
    "zip behind a stub": b"PK00" + make.zipped(FILES),
    "tar": make.tar(FILES),
    **{f"tar.{name}": compress(make.tar(FILES)) for name, compress in make.COMPRESSIONS.items()},
    "ar": make.ar(FILES).replace(b"app/.env   ", b"app/.env/  "),
    "cpio": make.cpio(FILES),
    "old cpio": make.old_cpio(FILES),
    "rpm": make.rpm(FILES),
    "rpm with gzip": make.rpm(FILES, "gz"),
    "asar": make.asar(FILES),
    "7z": make.seven_zip(FILES),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_file_in_an_archive_is_searched_like_any_file(scan, kind):
    result = scan(ARCHIVES[kind])
    assert sightings(result) == in_env("app/.env")
    assert not result.problems
    assert [digest.member for digest in result.digests] == [0]


def test_a_zip_behind_a_script(scan):
    script = b"#!/usr/bin/env python3\n"
    assert sightings(scan(script + make.zipped(FILES))) == in_env("payload!/app/.env")


def test_an_installer_that_is_a_script_and_a_tar(scan):
    script = b"#!/bin/sh\ntail -n +3 $0 | tar xz\n"
    payload = make.COMPRESSIONS["gz"](make.tar(FILES))
    assert sightings(scan(script + payload)) == in_env("payload!/app/.env")


def test_a_script_is_no_container(scan):
    result = scan(b"#!/bin/sh\n" + b"echo PK\x03\x04 nothing\n" * 99)
    assert result.coverage.inner.members == 0


@pytest.mark.parametrize("compression", ["gz", "xz", "zst"])
def test_a_debian_package_names_the_file_in_its_data(scan, compression):
    result = scan(make.deb(FILES, compression))
    assert sightings(result) == in_env("data.tar." + compression + "!/app/.env")
    assert result.coverage.inner.members == 3 + 2 + 1 + 3


@pytest.mark.parametrize("compression", make.COMPRESSIONS)
def test_a_compressed_file_is_named_without_its_suffix(scanner, compression):
    tar = write_tar([(f"srv/app.env.{compression}", make.COMPRESSIONS[compression](ENV))])
    assert sightings(scanner.scan(Chunked(tar))) == in_env("app.env")


def test_containers_in_containers_are_told_step_by_step(scan):
    jar = make.zipped([("META-INF/x", b"1"), ("app/.env", ENV)])
    war = make.zipped([("WEB-INF/lib/app.jar", jar)], zipfile.ZIP_STORED)
    result = scan(make.COMPRESSIONS["gz"](make.tar([("srv/app.war", war)])))
    assert sightings(result) == in_env("srv/app.war!/WEB-INF/lib/app.jar!/app/.env")


def test_an_image_archive_in_an_image(scan):
    layer = make.tar(FILES)
    image = make.tar([("blobs/sha256/aa", make.COMPRESSIONS["gz"](layer)), ("manifest.json", b"[]" * 300)])
    assert sightings(scan(image)) == in_env("blobs/sha256/aa!/app/.env")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_text_is_read(scanner, encoding):
    tar = write_tar([("app/.env", ENV.decode().encode(encoding))])
    assert sightings(scanner.scan(Chunked(tar))) == in_env(encoding[:6])


def test_wide_text_beyond_ascii_does_not_end_a_read(scanner):
    text = ("café \U0001f511 \n" * 9000).encode("utf-16") + b"\x00\xd8" + ENV.decode().encode("utf-16-le") + b"\n"
    (match, _) = scanner.scan(Chunked(write_tar([("app/.env", text)]))).matches
    assert (match.line, match.rule) == (9002, "npm-token")


def test_strings_between_the_bytes_of_a_windows_program(scan):
    program = (
        b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(70_000) + b"\x01\x02".join([ENV.decode().encode("utf-16-le")] * 2)
    )
    result = scan(program)
    assert {match.inner_path for match in result.matches} == {"utf-16"}
    assert [match.rule for match in result.matches].count("npm-token") == 2


def test_a_loose_object_of_git(scan):
    _, blob = make.git_object("blob", ENV)
    assert sightings(scan(blob)) == in_env("blob")
    _, code = make.git_object("blob", b"def main():\n    return secret_of(password=value_of_x)\n" * 9)
    assert not scan(code).matches


def test_loose_objects_of_git_are_named_by_the_commits_of_their_layer(scanner):
    blob_digest, blob = make.git_object("blob", ENV)
    tree_digest, tree = make.git_object("tree", make.git_tree([(".env", blob_digest)]))
    root_digest, root = make.git_object("tree", b"40000 app\0" + tree_digest)
    commit_digest, commit = make.git_object("commit", make.git_commit(root_digest))
    objects = [(blob_digest, blob), (tree_digest, tree), (root_digest, root), (commit_digest, commit)]
    names = [(f"srv/.git/objects/{digest.hex()[:2]}/{digest.hex()[2:]}", data) for digest, data in objects]
    result = scanner.scan(Chunked(write_tar(names)))
    assert {match.inner_path for match in result.matches} == {f"commit {commit_digest.hex()[:7]}:app/.env"}
    assert {match.member for match in result.matches} == {0}


def test_a_zlib_stream(scanner):
    tar = write_tar([("cache/app.env", zlib.compress(ENV))])
    assert sightings(scanner.scan(Chunked(tar))) == in_env("zlib")


def pack(*, ref: bool = False, thin: bool = False) -> bytes:
    """A file whose secret was removed: the newest version is whole, the older one a delta that has the secret."""
    clean = b"# settings\n" + b"PORT=8080\n" * 30
    delta = make.git_delta(clean, 11, ENV[11:])
    old, _ = make.git_object("blob", ENV)
    new, _ = make.git_object("blob", clean)
    tree = make.git_tree([(".env", old)])
    tree_digest, _ = make.git_object("tree", tree)
    root = b"40000 app\0" + tree_digest
    root_digest, _ = make.git_object("tree", root)
    base = bytes(20) if thin else new
    return make.git_pack(
        [
            ("commit", make.git_commit(root_digest), None),
            ("blob", clean, None),
            ("ref", delta, base) if ref or thin else ("ofs", delta, 1),
            ("tree", tree, None),
            ("tree", root, None),
        ]
    )


@pytest.mark.parametrize("ref", [False, True])
def test_a_file_of_an_old_commit_is_found_in_a_pack_and_named(scan, ref):
    result = scan(pack(ref=ref))
    assert [match.rule for match in result.matches] == ["npm-token", "keyword"]
    (path,) = {match.inner_path for match in result.matches}
    assert path is not None
    assert path.startswith("commit ")
    assert path.endswith(":app/.env")


def test_a_delta_without_its_base_is_opaque(scan):
    result = scan(pack(thin=True))
    assert not result.matches
    assert [(skip.reason, skip.count) for skip in result.coverage.inner.opaque] == [("git delta without its base", 1)]


def test_a_text_cut_up_by_the_pages_of_a_database(scan):
    def of_notes(before: int) -> bytes:
        text = "x" * before + ENV.decode() + "y" * (13_000 - before)
        return make.sqlite("CREATE TABLE notes (id INTEGER, body TEXT)", ("INSERT INTO notes VALUES (1, ?)", (text,)))

    database = next(data for before in range(0, 4100, 20) if TOKEN not in (data := of_notes(before)))
    assert "npm-token" in {match.rule for match in scan(database).matches if match.inner_path == "notes"}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_values_of_a_database_that_columns_or_neighbours_name(scan, encoding):
    database = make.sqlite(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, password TEXT)",
        "CREATE TABLE settings (name TEXT, value TEXT)",
        "INSERT INTO users VALUES (1, 'admin', 'Winter2024!x9')",
        "INSERT INTO settings VALUES ('smtp_password', 'hunter2prod!')",
        encoding=encoding,
    )
    found = {(match.inner_path, match.name) for match in scan(database).matches}
    assert found == {("users", "password"), ("settings", "smtp_password")}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_settings_in_the_cells_of_a_database(scan, encoding):
    database = make.sqlite(
        "CREATE TABLE notes (id INTEGER, body TEXT)",
        ("INSERT INTO notes VALUES (1, ?)", ("old settings\nDB_PASSWORD=VaRGxlkT2i_jqK3\nPORT=80\n",)),
        encoding=encoding,
    )
    assert {(match.inner_path, match.name) for match in scan(database).matches} >= {("notes", "DB_PASSWORD")}


def test_a_database_of_many_pages(scan):
    rows = [("INSERT INTO users VALUES (?, ?)", (n, f"nothing {n}" * 20)) for n in range(400)]
    last = ("INSERT INTO users VALUES (?, ?)", (1000, "Winter2024!x9"))
    database = make.sqlite("CREATE TABLE users (id INTEGER PRIMARY KEY, api_secret TEXT)", *rows, last)
    assert "users" in {match.inner_path for match in scan(database).matches if match.length == 13}


def test_the_compressed_streams_of_a_pdf(scan):
    result = scan(make.pdf(b"BT (NPM_TOKEN=" + TOKEN + b") Tj ET\n"))
    assert [match.rule for match in result.matches] == ["npm-token"]


def test_strings_of_a_java_class_get_the_names_they_are_given_to(scan):
    data = make.java_class(
        ("DB_PASSWORD", "Winter2024!x9"), ("apiSecret", "hunter2prod!"), ("setSmtpPassword", "super_secret_password_1")
    )
    result = scan(make.zipped([("app/App.class", data)]))
    assert {match.inner_path for match in result.matches} == {"app/App.class!/constants"}
    assert {match.name for match in result.matches} == {"DB_PASSWORD", "apiSecret", "SmtpPassword"}


def test_entries_that_the_directory_of_a_zip_does_not_name(scan):
    archive = make.zipped([("hidden/.env", ENV), ("seen", b"1" * 50)])
    at = archive.index(b"PK\x01\x02")
    second = archive.index(b"PK\x01\x02", at + 1)
    end = archive.index(b"PK\x05\x06")
    directory = archive[second:end]
    tail = bytearray(archive[end:])
    tail[8:12] = b"\1\0\1\0"
    tail[12:16] = len(directory).to_bytes(4, "little")
    tail[16:20] = at.to_bytes(4, "little")
    result = scan(archive[:at] + directory + bytes(tail))
    assert sightings(result) == in_env("hidden/.env")
    assert result.coverage.inner.members == 2


def encrypted(archive: bytes) -> bytes:
    return archive.replace(b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\1\0").replace(
        b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"
    )


OPAQUE: Sequence[tuple[str, bytes, str]] = (
    ("encrypted zip", encrypted(make.zipped([("a/.env", ENV)])), "encrypted"),
    ("rar", b"Rar!\x1a\x07\1\0" + bytes(100), "rar: not supported"),
    ("7z by a method of its own", make.seven_zip(FILES).replace(b"\x21\x21\1", b"\x21\x3f\1"), "7z method"),
    ("cut 7z", make.seven_zip(FILES)[:-20], "damaged 7z"),
    ("squashfs", b"hsqs" + bytes(24) + b"\x04\0\0\0" + bytes(100), "squashfs: not supported"),
    ("cut gzip", make.COMPRESSIONS["gz"](ENV * 99)[:-40], "damaged gzip"),
    ("cut tar in gzip", make.COMPRESSIONS["gz"](make.tar(FILES)[:2100]), "damaged tar"),
    ("cut deb", make.deb(FILES)[:-200], "damaged ar"),
)


@pytest.mark.parametrize(("data", "reason"), [row[1:] for row in OPAQUE], ids=[row[0] for row in OPAQUE])
def test_what_cannot_be_read_is_opaque_and_told(scan, data, reason):
    result = scan(data)
    assert reason in {skip.reason for skip in result.coverage.inner.opaque}
    assert {problem.effect for problem in result.problems} == {Effect.OPAQUE}
    assert {problem.path for problem in result.problems} == {"opt/file0.bin"}


def test_ordinary_files_are_no_containers(scan):
    result = scan(
        b"x\x9c is no stream", b"x^2 + y^2 = z^2\n" * 9, b"\x7fELF" + bytes(100), b"BZh9 text", b"\xff\xfe" * 9
    )
    assert result.coverage.inner.members <= 1
    assert not result.problems


def test_the_python_zip_reader_agrees(scan):
    data = make.zipped(FILES)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert scan(data).coverage.inner.members == len(archive.namelist())
