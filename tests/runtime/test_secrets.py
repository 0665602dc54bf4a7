"""Secrets that a container was given: told where they are its own, redacted everywhere."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from imgscan.pipeline import Options
from imgscan.renderers import RenderOptions, container_json, container_table
from tests.runtime.documents import IMAGE, hardened
from tests.runtime.judging import judged, rules_of

SECRET = "sk-live-abc123xyz789"
PASSWORD = "super_secret_password_123"


def given_env(*entries, args=("node", "app.js")):
    document = hardened()
    document["Config"]["Env"] = [*IMAGE["Env"], *entries]
    document["Args"] = list(args)
    return document


def both(report, **options):
    told = RenderOptions("1", **options)
    return container_table.render([report], told) + container_json.render([report], told)


def test_a_secret_of_its_own_environment_is_told_and_shown_nowhere():
    report = judged(given_env(f"API_KEY={SECRET}", f"DATABASE_PASSWORD={PASSWORD}"))
    found = [finding for finding in report.verdict.open if finding.rule.id == "container/env-secret"]
    assert {finding.secret.name for finding in found} == {"API_KEY", "DATABASE_PASSWORD"}
    assert report.verdict.failed
    text = both(report)
    assert SECRET not in text
    assert PASSWORD not in text
    assert SECRET not in repr(report)


def test_what_the_image_gave_it_is_the_images_finding():
    image = {**IMAGE, "Env": [*IMAGE["Env"], f"API_KEY={SECRET}"]}
    report = judged(given_env(f"API_KEY={SECRET}", args=("node", "app.js", f"--header={SECRET}x")), image=image)
    assert "env-secret" not in rules_of(report)
    assert SECRET not in both(report)


def test_a_variable_that_overrides_the_images_is_its_own():
    image = {**IMAGE, "Env": [*IMAGE["Env"], "API_KEY=changeme"]}
    assert rules_of(judged(given_env(f"API_KEY={SECRET}"), image=image))["env-secret"] == "high"


def test_a_secret_on_the_command_line_is_told_and_redacted_there():
    report = judged(given_env(args=("mysqld", "--password", PASSWORD)))
    assert rules_of(report)["command-secret"] == "high"
    assert PASSWORD not in both(report)


def test_secrets_are_shown_where_that_is_asked_for():
    report = judged(given_env(f"API_KEY={SECRET}"), options=Options(show_secrets=True))
    assert SECRET in both(report, show_secrets=True)


@given(st.text(st.characters(exclude_categories=())))
def test_no_string_of_a_container_breaks_a_document(text):
    document = given_env(f"X{text}={text}", args=(text,))
    document["Name"] = document["Config"]["Image"] = document["HostConfig"]["NetworkMode"] = text
    document["Mounts"] = [{"Type": "bind", "Source": f"/{text}", "Destination": text, "RW": True, "Propagation": text}]
    report = judged(document)
    table = container_table.render([report], RenderOptions("1", width=80))
    assert all(line.isprintable() for line in table.split("\n"))
    json.loads(container_json.render([report], RenderOptions("1"))).keys()


def test_the_table_shows_the_limits_as_the_engine_counts_them():
    text = both(judged(hardened()))
    assert "134217728 (128 MB)" in text
    assert "500000000 NanoCpus (0.5 CPU)" in text
    assert "PASS" in text
