"""What an audit tells of a registry, and what it asks of it: each layer once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from imgscan.audit.discovery import Found, FoundImage, FoundLayer
from imgscan.audit.listing import Tag, plan_of, put_found, put_tags, select
from imgscan.audit.run import audit
from imgscan.audit.state import State
from imgscan.errors import UsageError
from imgscan.pipeline import Options, inspect_image
from imgscan.renderers import RenderOptions, audit_json
from imgscan.report import Policy
from imgscan.report.audit import Selection
from tests.audit.conftest import KEY
from tests.audit.content import BASE, CLEAN_BASE, GONE, LEAKY, PASSWORD, TOKEN, images, own
from tests.image_builder import image, layer, sha256
from tests.laws import law_7_no_secret_in
from tests.registries.push import push

LAYERS = {
    one.diff_id: sha256(one.blob("gzip"))
    for built in images().values()
    for each in (built if isinstance(built, list) else [built])
    for one in each.layers
}
"""Digest by diff_id of every layer in the registry."""


def blob_requests(front):
    """Digests of the layers that were asked for, in order."""
    digests = [path.rpartition("/")[2] for path in front.paths() if "/blobs/" in path]
    return [digest for digest in digests if digest in LAYERS.values()]


@pytest.fixture
def report(filled, auditor):
    return auditor(filled.address)


def names(report, indexes):
    return {name.partition("/")[2] for index in indexes for name in report.images[index].references}


def test_every_distinct_layer_is_opened_once(front, auditor):
    report = auditor(front.address)
    assert sorted(blob_requests(front)) == sorted(LAYERS.values())
    assert report.plan.layers == report.run.layers_fetched == len(LAYERS)
    assert report.run.bytes_fetched == report.plan.bytes
    assert report.complete


def test_a_second_audit_fetches_nothing(front, auditor):
    first = auditor(front.address)
    before = len(front.paths())
    again = auditor(front.address)
    assert not [path for path in front.paths()[before:] if "/blobs/" in path or "/manifests/" in path]
    assert again.run.layers_fetched == again.run.bytes_fetched == 0
    assert (again.images, again.secrets, again.findings) == (first.images, first.secrets, first.findings)
    assert again.run.previous == first.run.started


def test_all_tags_of_an_image_are_told_with_it(report):
    api = next(one for one in report.images if len(one.references) > 1 and "shop/api" in one.references[0])
    assert [name.rpartition("/")[2] for name in api.references] == ["api:1.1", "api:latest"]
    assert {one.platform for one in report.images if "team/multi" in one.repositories} == {
        "linux/amd64",
        "linux/arm64",
    }


def test_a_secret_is_told_once_with_every_place_it_is_in(report):
    by_name = {secret.name: secret for secret in report.secrets}
    token = by_name["API_KEY"]
    assert token.repositories == ("shop/api", "team/env")
    assert token.layers == (LAYERS[LEAKY.diff_id],)
    assert token.state == "present"
    states = {report.findings[at].finding.fate.state for at in token.findings if report.findings[at].layer}
    assert states == {"present", "deleted"}
    kinds = {str(report.findings[at].finding.location.kind) for at in token.findings}
    assert kinds >= {"file", "config", "history"}
    assert by_name["DATABASE_PASSWORD"].oldest_image == "2024-01-02T03:04:05Z"
    assert by_name["DATABASE_PASSWORD"].first_seen == "2026-01-02T03:04:05Z"


def test_one_leaked_layer_is_told_with_all_images_above_it(report):
    base = next(one for one in report.layers if one.diff_id == BASE.diff_id)
    assert names(report, base.images) == {
        "shop/web:1.0", "shop/web:1.1", "shop/web:latest", "shop/api:1.0", "shop/api:1.1", "shop/api:latest",
        "shop/api:fixed",
    }  # fmt: skip
    assert len(base.secrets) == 1
    assert CLEAN_BASE.diff_id not in {one.diff_id for one in report.layers if one.secrets}
    assert GONE.diff_id not in {one.diff_id for one in report.layers if one.secrets}


def test_the_worst_image_comes_first_and_the_clean_one_last(report):
    ranks = [one.worst.rank for one in report.images]
    assert ranks == sorted(ranks, reverse=True)
    assert "team/clean" not in report.images[0].repositories
    clean = next(one for one in report.images if one.repositories == ("team/clean",))
    assert not clean.secrets
    assert not clean.runs_as_root
    assert clean.owner_label == "maintainer"
    assert report.images[0].runs_as_root
    assert report.images[0].owner_label is None
    assert report.failed


def test_findings_are_those_of_inspect(filled, auditor, report):
    (one,) = inspect_image(f"registry:{filled.address}/shop/api:1.0")
    index = next(at for at, each in enumerate(report.images) if each.digest == one.image.manifest_digest)
    told = {
        (item.finding.rule.id, item.finding.location.path, item.finding.location.line, item.finding.fingerprint)
        for item in report.findings
        if index in item.images
    }
    assert told == {
        (finding.rule.id, finding.location.path, finding.location.line, finding.fingerprint)
        for finding in one.verdict.open
    }
    posture = report.images[index]
    assert (posture.secrets, posture.build_tools, posture.size) == (
        one.summary.secrets, one.summary.build_tools, one.image.size,
    )  # fmt: skip


def test_processes_find_the_same_as_this_one(filled, auditor, report, tmp_path):
    apart = replace(auditor.options(filled.address, workers=2), state=tmp_path / "other.sqlite")
    other = audit(apart, clock=lambda: auditor.day)
    assert other == replace(report, run=other.run)


def test_only_what_is_new_is_fetched_and_told_as_new(own_registry, auditor):
    push(own_registry.origin, "app", "1", image(BASE, own("one"), cmd=["sh"]))
    assert not any(one.new for one in auditor(own_registry.address).images)
    added = layer({"app/new.env": "STRIPE_SECRET=rk_live_do_not_share_this\n"})
    push(own_registry.origin, "app", "2", image(BASE, added, cmd=["sh"]))
    report = auditor(own_registry.address)
    assert report.run.layers_fetched == 1
    assert [one.references[0].rpartition(":")[2] for one in report.images if one.new] == ["2"]
    assert {secret.name for secret in report.secrets if secret.new} == {"STRIPE_SECRET"}
    assert {item.finding.location.path for item in report.findings if item.new and item.finding.secret} == {
        "app/new.env"
    }
    assert not any(one.new for one in auditor(own_registry.address).images)


class _Interrupts:
    """A watcher that presses Ctrl-C when all images are judged, before anybody is told."""

    def step(self, what, done, total):
        if what == "judging images" and done == total:
            raise KeyboardInterrupt

    def fetched(self, progress):
        pass


def test_what_an_interrupted_run_saw_first_is_new_to_the_next_that_tells_it_once(own_registry, auditor):
    push(own_registry.origin, "app", "1", image(CLEAN_BASE, cmd=["sh"]))
    push(own_registry.origin, "other", "1", image(CLEAN_BASE, own("other"), cmd=["sh"]))
    auditor(own_registry.address)
    push(own_registry.origin, "app", "2", image(BASE, cmd=["sh"]))
    with pytest.raises(KeyboardInterrupt):
        audit(auditor.options(own_registry.address), watcher=_Interrupts())
    assert not any(one.new for one in auditor(own_registry.address, selection={"repositories": ("other",)}).images)
    report = auditor(own_registry.address)
    assert report.run.layers_fetched == 0
    assert [one.references[0].rpartition(":")[2] for one in report.images if one.new] == ["2"]
    assert [secret.new for secret in report.secrets] == [True]
    assert {item.new for item in report.findings if item.finding.secret} == {True}
    report = auditor(own_registry.address)
    assert not any(one.new for one in (*report.images, *report.secrets, *report.findings))


def test_a_tag_that_moved_is_told_as_it_is_now(own_registry, auditor):
    push(own_registry.origin, "app", "latest", image(BASE, cmd=["sh"]))
    assert len(auditor(own_registry.address).secrets) == 1
    push(own_registry.origin, "app", "latest", image(CLEAN_BASE, cmd=["sh"]))
    report = auditor(own_registry.address)
    assert not report.secrets
    assert report.plan.images == 1


def test_another_set_of_rules_scans_all_again(front, auditor):
    auditor(front.address)
    report = auditor(front.address, entropy=True)
    assert report.run.layers_fetched == len(LAYERS)
    assert auditor(front.address, entropy=True).run.layers_fetched == 0


def test_another_policy_judges_again_and_fetches_nothing(front, auditor):
    auditor(front.address)
    before = len(front.paths())
    report = auditor(front.address, policy=Policy(families=("env-secret",)))
    assert {item.finding.rule.family for item in report.findings} == {"env-secret"}
    assert not [path for path in front.paths()[before:] if "/blobs/" in path]


def test_the_plan_opens_no_layer_and_tells_what_an_audit_would_fetch(front, auditor):
    plan = auditor.plan(front.address)
    assert not blob_requests(front)
    assert (plan.to_fetch, plan.layers, plan.known_layers) == (len(LAYERS), len(LAYERS), 0)
    assert plan.repositories == 5
    assert plan.image_layers > plan.layers
    report = auditor(front.address)
    assert report.plan == plan
    assert (report.run.number, report.run.resumed) == (1, 0)
    assert auditor.plan(front.address).to_fetch == 0


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"repositories": ("shop/*",)}, {"shop/web", "shop/api"}),
        ({"repositories": ("team/env",)}, {"team/env"}),
        ({"named": ("team/env", "team/clean")}, {"team/env", "team/clean"}),
        ({"named": ("team/env", "team/clean"), "repositories": ("*/env",)}, {"team/env"}),
        ({"tags": ("1.*",)}, {"shop/web", "shop/api"}),
        ({"platform": "linux/arm64"}, {"team/multi"}),
        ({"since": "2024-01-02T03:04:05Z"}, {"shop/web", "shop/api", "team/clean", "team/env", "team/multi"}),
        ({"since": "2024-01-03T00:00:00Z"}, set()),
    ],
)
def test_what_is_asked_for_is_what_is_told(filled, auditor, selection, expected):
    report = auditor(filled.address, selection=selection)
    assert {name for one in report.images for name in one.repositories} == expected


def test_the_newest_tags_are_those_of_the_newest_images(own_registry, auditor):
    for day, tag in ((3, "c"), (1, "a"), (2, "b")):
        built = image(BASE, own(tag), created=f"2025-01-0{day}T00:00:00Z", cmd=["sh"])
        push(own_registry.origin, "app", tag, built)
    report = auditor(own_registry.address, selection={"newest": 2})
    assert {one.references[0].rpartition(":")[2] for one in report.images} == {"b", "c"}


def test_named_repositories_need_no_list_of_the_registry(front, auditor):
    auditor(front.address, selection={"named": ("team/env",)})
    auditor(front.address, selection={"repositories": ("team/env",)})
    assert not [path for path in front.paths() if "_catalog" in path]


def test_no_secret_is_in_the_state_or_in_a_report(report, auditor):
    text = "".join(audit_json.lines(report, RenderOptions("1")))
    files = [path.read_bytes() for path in auditor.state.parent.glob("state*") if path.is_file()]
    assert len(files) >= 1
    # The beginning of the password is a word that tables are named after.
    for secret in (PASSWORD.removeprefix("super_secret_pass"), TOKEN):
        law_7_no_secret_in(secret, text, *files)


def test_ids_of_secrets_are_those_of_inspect_under_the_same_key(filled, auditor, report):
    (one,) = inspect_image(f"registry:{filled.address}/team/env:latest", Options(key=KEY))
    ids = {finding.secret.id for finding in one.verdict.open if finding.secret}
    assert ids <= {secret.id for secret in report.secrets}
    assert ids


def test_another_key_needs_another_state(filled, auditor, report):
    for key in (None, b"another"):
        with pytest.raises(UsageError, match="IMGSCAN_KEY"):
            auditor(filled.address, key=key)


def test_the_document_has_what_the_report_has(report):
    document = json.loads("".join(audit_json.lines(report, RenderOptions("1"))))["audit"]
    assert document["summary"]["secrets"] == len(document["secrets"]) == 2
    for secret in document["secrets"]:
        assert {document["findings"][at]["secret"] for at in secret["findings"]} == {secret["id"]}
        carriers = {image for at in secret["findings"] for image in document["findings"][at]["images"]}
        assert carriers == set(secret["images"])
    for one in document["layers"]:
        for at in one["images"]:
            assert one["digest"] in document["images"][at]["layers"]
    assert document["verdict"] == {"failed": True, "fail_on": "high", "complete": True, "exit_code": 1}


def test_an_image_of_the_registry_that_another_begins_with_is_its_base(own_registry, auditor):
    added = layer({"app/.env": f"API_KEY={TOKEN}\n"})
    push(own_registry.origin, "app", "1", image(BASE, added, cmd=["sh"]))
    auditor(own_registry.address)
    push(own_registry.origin, "bases/debian", "12", image(BASE, cmd=["sh"]))
    report = auditor(own_registry.address)
    app = next(at for at, one in enumerate(report.images) if one.repositories == ("app",))
    origins = {
        item.finding.secret.name: str(item.finding.origin)
        for item in report.findings
        if item.finding.secret and app in item.images
    }
    assert origins == {"DATABASE_PASSWORD": "base", "API_KEY": "own"}


def test_sizes_that_no_disk_holds_are_claims_like_others(tmp_path):
    layers = tuple(FoundLayer(f"sha256:{number:064}", "", 2**63 - 1, False) for number in range(3))
    found = Found("sha256:a", "", "image", [FoundImage("sha256:a", "a/b/c/d", "sha256:b", "never", layers)])
    with State.open(tmp_path / "state") as state:
        put_found(state, 1, found)
        put_tags(state, 1, "r", [Tag("app", "1", "sha256:a")])
        select(state, Selection("r"), [Tag("app", "1", "sha256:a")])
        plan = plan_of(state, "plan", 0)
    assert (plan.layers, plan.to_fetch) == (3, 3)
    assert plan.bytes >= 2**63
