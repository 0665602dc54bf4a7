"""What contradicts itself or hides is told: through the whole pipeline, from archives as they are stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.analyzers.layer_anomaly import LayerAnomalyAnalyzer
from imgscan.errors import Effect, ProblemLog, count_of
from imgscan.pipeline import Options, inspect_image
from imgscan.report import Finding, Policy, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import (
    BuiltImage,
    Entry,
    docker_archive_legacy,
    executable,
    file,
    hardlink,
    image,
    layer,
    oci_archive,
    pax_header,
    raw_header,
    sha256,
    symlink,
    write_tar,
)
from tests.package_records import apk, deb

OPTIONS = Options(policy=Policy(families=("layer-anomaly",)))
HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
Tell = Callable[..., list[tuple[str, Severity]]]


@pytest.fixture
def findings(tmp_path) -> Callable[..., list[Finding]]:
    def inspect(built: BuiltImage, write=docker_archive_legacy, **options) -> list[Finding]:
        path: Path = write(built, tmp_path / "app.tar", **options)
        (report,) = inspect_image(str(path), OPTIONS)
        return list(report.verdict.open)

    return inspect


@pytest.fixture
def told(findings) -> Tell:
    """Rule (without the family) and severity of each finding of an image of these layers, worst first."""

    def tell(*layers, write=docker_archive_legacy, **config) -> list[tuple[str, Severity]]:
        found = findings(image(*layers, **config), write)
        return [(one.rule.id.partition("/")[2], one.severity) for one in found]

    return tell


def test_an_ordinary_image_with_deletions_links_and_rewrites_is_in_order(told):
    built = [
        layer({"bin/": "", "bin/a": executable(), "bin/b": hardlink("bin/a"), "app/": "", "lib": symlink("usr/lib")}),
        layer({"bin/.wh.a": "", "bin/c": "new", "etc/x": "1", "app/.wh..wh..opq": "", "dev/": ""}),
        layer({"etc/x": file("1", mode=0o600), "bin/c": "newer", "dev/null": file(kind="char")}),
    ]
    assert told(*built) == []


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([layer(write_tar({"a": "1"}, trailing=b"hidden" + bytes(506)))], [("hidden-data", HIGH)]),
        ([layer({"a": "1"}), layer({".wh.a": "hidden text"})], [("hidden-data", HIGH)]),
        ([layer({"a": "1"}), layer({".wh.a": "\n"})], [("hidden-data", MEDIUM)]),
        ([layer({".wh.a": ""})], [("idle-marker", MEDIUM)]),
        ([layer({"a": "1"}), layer({".wh.b": "", ".wh.c": ""})], [("idle-marker", MEDIUM)]),
        ([layer({"a": "1", ".wh..wh.plnk/1": ""})], []),
        ([layer({"a": "1", ".wh.": ""})], [("idle-marker", MEDIUM)]),
        ([layer([("a", "one"), ("a", "two")])], [("duplicate-entry", HIGH)]),
        ([layer([("a", "same"), ("a", "same")])], [("duplicate-entry", MEDIUM)]),
        ([layer([("a", "file"), ("a/b", "below")])], [("duplicate-entry", HIGH)]),
        ([layer([("a", "file"), ("a", "other"), ("a/b", "below")])], [("duplicate-entry", HIGH)]),
        (
            [layer([("a", file(kind="char")), ("a", file(kind="char"))])],
            [("device-node", MEDIUM), ("duplicate-entry", MEDIUM)],
        ),
        ([layer({"../../etc/cron.d/x": "1"})], [("deceptive-name", MEDIUM)]),
        ([layer({"a/.../b": "1"})], [("deceptive-name", MEDIUM)]),
        ([layer({"a/.. ": "1"})], [("deceptive-name", MEDIUM)]),
        ([layer({"invoice\u202efdp.exe": "1"})], [("deceptive-name", MEDIUM)]),
        ([layer({"a\x1b[2Jb": "1"})], [("deceptive-name", MEDIUM)]),
        ([layer({"pages/[...slug].js": "1", "a b/ c.txt": "1", "..x/.y": "", "für": ""})], []),
        ([layer({"a": hardlink("nowhere")})], [("malformed-entry", MEDIUM)]),
        ([layer([pax_header({"path": "all"}, scope="global"), ("a", "1")])], [("malformed-entry", MEDIUM)]),
        ([layer([raw_header("a", uid=b"not a number"[:8]), ("b", "1")])], [("malformed-entry", MEDIUM)]),
        ([layer({"srv/disk": file(kind="block")})], [("device-node", MEDIUM)]),
        ([layer({"etc/passwd": file(kind="char")})], [("device-node", MEDIUM)]),
        ([layer({"dev/sda": file(kind="block"), "srv/jail/dev/null": file(kind="char")})], []),
        ([layer({"/absolute": "1"})], []),  # as several builders write all names
    ],
    ids=lambda value: "-".join(rule for rule, _ in value) if value and isinstance(value[0], tuple) else None,
)
def test_each_oddity_is_told_once(told, layers, expected):
    assert told(*layers) == expected


def test_a_finding_counts_what_it_stands_for(findings):
    built = image(layer({f"dir/.wh.{n:02}": "" for n in range(50)}))
    (one,) = findings(built)
    assert "50 times" in one.message
    assert "dir/00" in one.message


def test_of_the_many_files_of_a_rule_the_rest_is_counted(findings):
    found = findings(image(layer({f"d{n:03}/...": "x" for n in range(150)})))
    assert len(found) == 101
    assert any("50 more" in one.message for one in found)


def test_data_behind_a_compressed_layer_is_told_and_the_index_of_estargz_is_not(findings):
    plain = layer(write_tar({"a": "1"}, trailing=b"{}" + bytes(510)), compression="none")
    assert [one.rule.id for one in findings(image(plain), oci_archive)] == ["layer-anomaly/hidden-data"]

    def annotate(members: dict[str, Entry]) -> None:
        index = json.loads(members["index.json"].data)
        name = "blobs/sha256/" + index["manifests"][0]["digest"].partition(":")[2]
        manifest = json.loads(members.pop(name).data)
        manifest["layers"][0]["annotations"] = {"containerd.io/snapshot/stargz/toc.digest": "sha256:" + "0" * 64}
        data = json.dumps(manifest).encode()
        index["manifests"][0] |= {"digest": sha256(data), "size": len(data)}
        members["blobs/sha256/" + sha256(data).partition(":")[2]] = Entry(data)
        members["index.json"] = Entry(json.dumps(index).encode())

    assert findings(image(plain), oci_archive, edit=annotate) == []


def test_a_layer_in_the_archive_that_no_image_has_hides_its_files(findings):
    def stray(members: dict[str, Entry]) -> None:
        members["stray.tar"] = Entry(layer({"secret": "x"}).tar)

    (one,) = findings(image(layer({"a": "1"})), edit=stray)
    assert (one.rule.id, one.severity) == ("layer-anomaly/unreferenced-blob", HIGH)
    assert "stray.tar" in one.message


def test_wrong_diff_ids_and_histories_are_told_once(told):
    two = [layer({"a": "1"}), layer({"b": "1"})]
    assert told(*two, diff_ids=["sha256:" + "0" * 64] * 2) == [("digest-mismatch", MEDIUM)]
    assert told(*two, history=["RUN a", "RUN b", "RUN c"]) == [("history-mismatch", MEDIUM)]
    assert told(*two, history=[]) == []


def test_what_was_not_read_is_a_problem_and_no_finding(findings):
    def cut(members: dict[str, Entry]) -> None:
        for name in [name for name in members if name.endswith("layer.tar")]:
            del members[name]

    assert findings(image(layer({"a": "1"})), edit=cut) == []


def test_a_layer_of_zeros_is_absurd(told):
    zeros = layer({"swap": bytes(101 << 20)}, compression="gzip")
    assert told(zeros, write=oci_archive) == [("absurd-size", MEDIUM)]
    small = layer({"swap": bytes(1 << 20)}, compression="gzip")
    assert told(small, write=oci_archive) == []


PROGRAM = {"usr/bin/ls": "ls", "usr/share/x": "text", "etc/conf": "1"}
INSTALLED = {**deb("coreutils", {"usr/bin/ls": "ls", "usr/share/x": "text"}, conffiles={"etc/conf": "1"}), **PROGRAM}


def test_a_file_that_a_later_layer_put_in_the_place_of_a_packages_is_told(findings):
    replaced = layer({"usr/bin/ls": "evil", "etc/conf": "2", "usr/share/x": "text"})
    (one,) = findings(image(layer(INSTALLED), replaced))
    assert (one.rule.id, one.location.path, one.location.layer) == (
        "layer-anomaly/package-file-changed",
        "usr/bin/ls",
        1,
    )
    assert "coreutils" in one.message
    # Of a file that nobody digests it is known that it was replaced.
    (other,) = findings(image(layer(INSTALLED), layer({"usr/share/x": "other"})))
    assert other.location.path == "usr/share/x"


def test_a_trusted_program_that_differs_from_its_package_is_told_in_one_layer_too(findings):
    (one,) = findings(image(layer({**INSTALLED, "usr/bin/ls": "evil"})))
    assert "checksum" in one.message
    assert findings(image(layer(INSTALLED))) == []


def test_an_upgrade_is_no_change(findings):
    upgraded = {
        **deb("coreutils", {"usr/bin/ls": "new", "usr/share/x": "newer"}),
        "usr/bin/ls": "new",
        "usr/share/x": "newer",
    }
    assert findings(image(layer(INSTALLED), layer(upgraded))) == []
    first = {**apk("tools", {"usr/bin/tool": "1", "usr/share/y": "1"}), "usr/bin/tool": "1", "usr/share/y": "1"}
    second = {**apk("tools", {"usr/bin/tool": "2", "usr/share/y": "1"}), "usr/bin/tool": "2"}
    assert findings(image(layer(first), layer(second))) == []
    # A database that was written again says the same of a file that was not upgraded.
    third = {**apk("tools", {"usr/bin/tool": "1", "usr/share/y": "1"}), "usr/share/y": "2"}
    assert [one.location.path for one in findings(image(layer(first), layer(third)))] == ["usr/share/y"]


def test_a_diverted_file_is_another_packages(findings):
    diverted = {**INSTALLED, "usr/bin/ls": "other", "usr/bin/ls.distrib": "ls"}
    assert findings(image(layer(diverted))) == []


@given(st.integers(0, 60), st.integers(1, 30))
def test_problems_of_a_log_are_counted_right(count, cap):
    log = ProblemLog(cap)
    for number in range(count):
        log.add("odd", f"{number} more of something", path=str(number))
    assert sum(map(count_of, log.all())) == count


ITEMS = st.sampled_from(
    [
        *((".wh.a", ""), (".wh.a", "x"), (".wh.", ""), (".wh..wh.x", "y"), ("a", "1"), ("a", "2"), ("a/b", "3")),
        *(("a/.wh..wh..opq", ""), ("../a", "4"), ("a/...", "5"), ("\udc80\n", "6"), ("b", hardlink("a"))),
        *(("b", hardlink("c")), ("dev", file(kind="char")), ("c", file(kind="block")), ("d", file(kind=b"Z"))),
    ]
)


@given(st.lists(st.lists(ITEMS, max_size=6), max_size=3))
def test_any_layers_are_judged_and_fingerprints_tell_findings_apart(layers):
    evidence = evidence_of(image(*(layer(items) for items in layers)))
    problems = [replace(problem, layer=index) for index, scan in enumerate(evidence.scans) for problem in scan.problems]
    problems += evidence.overlay.problems
    evidence = replace(evidence, image=replace(evidence.image, problems=tuple(problems)))
    found = LayerAnomalyAnalyzer().analyze(evidence).findings
    assert len({one.fingerprint for one in found}) == len(found)
    assert not any(problem.effect is Effect.INCOMPLETE for problem in problems)
    # Bytes that nobody gets are told wherever they are.
    hidden = any(items.count((".wh.a", "x")) for items in layers)
    assert not hidden or any(one.rule.id == "layer-anomaly/hidden-data" for one in found)
