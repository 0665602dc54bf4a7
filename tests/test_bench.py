"""The benchmark's corpus: the same bytes for the same seed, and its manifest tells the truth."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile
import zlib
from random import Random

import pytest

from bench import corpus, nested, planted, programs, tables
from bench.corpus import Corpus
from bench.image import zstd
from bench.plan import CLEANUP, COUNTS_AND_SIZES, PLACES

SCALE, SECRETS, POOL = 0.0002, 40, 1 << 15


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus.build(tmp_path_factory.mktemp("corpus"), scale=SCALE, secrets=SECRETS, pool=POOL)


@pytest.fixture(scope="module")
def layers(built: Corpus) -> list[bytes]:
    """The layer tars of the plain archive, base first."""
    with tarfile.open(built.archive("plain")) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        return [archive.extractfile(name).read() for name in manifest["Layers"]]


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(built, tmp_path):
    again = corpus.build(tmp_path / "again", scale=SCALE, secrets=SECRETS, pool=POOL)
    other = corpus.build(tmp_path / "other", seed=2, scale=SCALE, secrets=SECRETS, pool=POOL)

    def digests(one: Corpus) -> list[str]:
        return [hashlib.sha256(one.archive(variant).read_bytes()).hexdigest() for variant in corpus.VARIANTS]

    assert digests(again) == digests(built)
    assert not set(digests(other)) & set(digests(built))


def test_every_planted_secret_lies_where_the_manifest_says(built, layers):
    places = set()
    for record in built.manifest["planted"]:
        if record["layer"] is None:
            continue
        with tarfile.open(fileobj=io.BytesIO(layers[record["layer"]])) as layer:
            data = layer.extractfile(record["path"]).read()
        places.add(record["place"])
        if record["place"] in ("gz", "tar.gz", "zip", "jar"):
            assert record["value"].encode() in inner(data, record)
            continue
        codec = "utf-16-le" if record["encoding"] == "utf-16" else "utf-8"
        value = record["value"].encode(codec)
        assert data[record["offset"] : record["offset"] + len(value)] == value
        assert data.count(value) == 1
        if record["line"] is not None:
            assert data[: record["offset"]].decode(record["encoding"]).count("\n") + 1 == record["line"]
    assert places == set(PLACES)


def inner(data: bytes, record: dict[str, str]) -> bytes:
    """The content of a nested file, read by the standard library."""
    if record["place"] == "gz":
        return gzip.decompress(data)
    if record["place"] == "tar.gz":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return archive.extractfile(record["inner_path"]).read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(record["inner_path"])


def test_edge_secrets_touch_the_first_and_the_last_byte_of_their_member(built):
    edges = {record["place"]: record for record in built.manifest["planted"] if record["place"].endswith("-byte")}
    assert edges["first-byte"]["offset"] == 0
    last = edges["last-byte"]
    assert (last["offset"] + len(last["value"])) % 512 == 0


def test_deleted_secrets_have_a_whiteout_and_overwritten_ones_a_clean_successor(built, layers):
    with tarfile.open(fileobj=io.BytesIO(layers[CLEANUP])) as cleanup:
        names = set(cleanup.getnames())
        for record in built.manifest["planted"]:
            folder, _, name = record["path"].rpartition("/")
            assert (f"{folder}/.wh.{name}" in names) == (record["place"] == "deleted")
            assert (record["path"] in names) == (record["place"] == "overwritten")
            if record["place"] == "overwritten":
                assert record["core"].encode() not in cleanup.extractfile(record["path"]).read()


def test_every_variant_holds_the_layers_that_the_config_names(built, layers):
    with tarfile.open(built.archive("plain")) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(manifest["Config"]))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    assert [gzip.decompress(path.read_bytes()) for path in built.layers("gzip")] == layers
    assert [zstd.decompress(path.read_bytes()) for path in built.layers("zstd")] == layers


def test_the_flat_variant_differs_only_in_the_signatures_of_nested_files(built):
    plain, flat = (built.archive(variant).read_bytes() for variant in ("plain", "flat"))
    assert len(plain) == len(flat)
    assert not re.search(rb"PK\x03\x04|PK\x05\x06|\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", flat)
    assert re.search(rb"PK\x03\x04", plain)


def test_a_disguise_keeps_the_length():
    data = b"PK\x03\x04" + bytes(40) + b"PK\x01\x02PK\x05\x06"
    assert len(nested.disguise(data)) == len(data)


def test_the_hostile_archive_has_the_members_that_were_asked_for(tmp_path):
    path = corpus.hostile(tmp_path, 300)
    with tarfile.open(path) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        layer = archive.extractfile(manifest["Layers"][0]).read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as members:
        names = members.getnames()
    assert len(set(names)) == 300
    assert all(25 <= len(name) <= 70 for name in names)


@pytest.mark.parametrize("kind", [*planted.STRUCTURED, *planted.NAMED, "private-key"])
def test_a_secret_is_written_once_in_every_kind_of_file_and_its_core_is_part_of_it(kind):
    secret = planted.invent(Random(kind), kind)
    assert secret.core in secret.value
    for category in COUNTS_AND_SIZES:
        assert planted.written(secret, category).count(secret.value) == 1


def test_tokens_with_a_checksum_carry_the_right_one():
    value = planted.invent(Random(1), "github-token").value
    digits = [planted.BASE62.index(character) for character in value[-6:]]
    number = 0
    for digit in digits:
        number = number * 62 + digit
    assert number == zlib.crc32(value[4:34].encode())


def test_a_secret_counts_as_found_by_its_core_or_most_of_it():
    core = "x" * 4 + "0123456789abcdef"
    assert programs.is_found(core, {f"TOKEN={core}"})
    assert programs.is_found(core, {core[4:]})
    assert not programs.is_found(core, {core[:8], "", "other"})
    assert programs.is_found("first line", {programs.normal("-----BEGIN-----\\nfirst line\nsecond")})


def test_tables_go_between_the_markers_of_a_page_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    tables.insert(page, "new\n")
    assert page.read_text() == f"before\n{tables.BEGIN}\nnew\n{tables.END}\nafter\n"
