"""What every registered analyzer must be and do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.analyzers import ANALYZERS, Analyzer
from imgscan.errors import ImgscanError
from imgscan.layers.extractors import EXTRACTORS
from imgscan.overlay import Overlay
from imgscan.report import LocationKind, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import directory, executable, file, hardlink, image, layer, step, symlink

EVERY = pytest.mark.parametrize("analyzer", ANALYZERS, ids=lambda analyzer: type(analyzer).__name__)

PATHS = [
    *("usr/bin/gcc", "usr/bin/cc", "bin/busybox", "bin/wget", "bin", "usr/bin", "usr/bin/.wh.gcc"),
    *("etc/passwd", "etc/group", "etc", "etc/.wh..wh..opq", "var/lib/dpkg/status", "entrypoint.sh"),
    *("root/.ssh/id_rsa", "root/.ssh/.wh.id_rsa", "app/.env", "app/.git/HEAD", "root/.ssh/authorized_keys"),
    *("etc/shadow", "etc/sudoers.d/a", "etc/cron.d/a", "usr/local/bin", "../x", "a/...", "tmp"),
]
VALUES = st.sampled_from(
    [
        *(
            "",
            "A=b\n",
            "root:x:0:0::/:/bin/sh\na:x:0:0\n",
            "#!/bin/sh\nexec gosu a b\n",
            "ref: x\n",
            b"\xff\xed\xa0\xbd",
        ),
        *(executable(), executable(mode=0o700), executable(mode=0o6777), hardlink("usr/bin/gcc")),
        *(directory(0o777), directory(0o1777), file(kind="block"), "a ALL=(ALL) NOPASSWD: ALL\n", "a::0:0::/:"),
        *(symlink("/usr/bin/cc"), symlink("gcc"), symlink("../../../etc/passwd")),
    ]
)
LAYERS = st.lists(st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=8), max_size=4)
USERS = st.sampled_from(["", "root", "0", "0:0", "a", "nobody", ":", "1000:x", "\x00", "-1", "9" * 40, "a:b:c"])


@EVERY
def test_rules_are_documented_and_of_a_declared_family(analyzer: Analyzer):
    assert analyzer.rules
    assert len({rule.id for rule in analyzer.rules}) == len(analyzer.rules)
    for rule in analyzer.rules:
        assert rule.family in analyzer.families
        assert rule.title
        assert len(rule.explanation) > 60
        assert len(rule.remediation) > 20


@EVERY
def test_extractors_that_are_asked_for_exist(analyzer: Analyzer):
    assert set(analyzer.extractors) <= {extractor.name for extractor in EXTRACTORS}


def test_rule_ids_are_unique_over_all_analyzers():
    ids = [rule.id for analyzer in ANALYZERS for rule in analyzer.rules]
    assert len(set(ids)) == len(ids)


@EVERY
@given(layers=LAYERS, user=USERS, path=st.sampled_from(["", "/usr/bin", "bin:/", "/app/../bin:", "\udcff"]))
def test_any_image_is_judged_without_an_error_and_twice_the_same(analyzer: Analyzer, layers, user: str, path: str):
    built = image(
        *(layer(files) for files in layers),
        step("USER x"),
        user=user,
        env=[f"PATH={path}"],
        entrypoint=["entrypoint.sh", "-c"],
        cmd=["sh", "-c"],
    )
    evidence = evidence_of(built)
    try:
        outcome = analyzer.analyze(evidence)
    except ImgscanError:
        pytest.fail("what an image contains must not raise")
    assert outcome == analyzer.analyze(evidence)
    for finding in outcome.findings:
        assert finding.rule in analyzer.rules
        assert finding.severity is not Severity.NONE
        assert finding.message
        assert finding.remediation
        assert (finding.fate is not None) == (finding.location.kind is LocationKind.FILE)
    # A fingerprint tells findings apart over rebuilds.
    fingerprints = [finding.fingerprint for finding in outcome.findings]
    assert len(set(fingerprints)) == len(fingerprints)


@EVERY
def test_without_any_layer_read_nothing_raises(analyzer: Analyzer):
    built = image(layer({"etc/passwd": "a:x:1:1"}), user="a", entrypoint=["x"], env=["PATH=/bin"])
    evidence = replace(evidence_of(built), scans=(), overlay=Overlay(()))
    assert all(finding.location.kind is LocationKind.CONFIG for finding in analyzer.analyze(evidence).findings)
