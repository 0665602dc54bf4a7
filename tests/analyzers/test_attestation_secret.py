"""Secrets in provenance and SBOMs."""

from __future__ import annotations

import base64
import json

import pytest

from imgscan.pipeline import Options, inspect_image
from tests.image_builder import containerd_archive, image, layer, oci_archive, provenance

TOKEN = "xoxb-" + "271828182845-904523536028-" + "Qm7Zr2Vt9Lp4Ws6Xy8Nb3Kd"


def statement(dockerfile: str = "", **args: str) -> dict:
    document = provenance(args)
    if dockerfile:
        infos = [{"filename": "Dockerfile", "data": base64.b64encode(dockerfile.encode()).decode()}]
        document["predicate"]["metadata"] = {
            "https://mobyproject.org/buildkit@v1#metadata": {"source": {"infos": infos}}
        }
    return document


@pytest.fixture
def found(tmp_path):
    def inspect(statements, write=oci_archive):
        archive = write(image(layer({"a": "b"})), tmp_path / "a.tar", attestations=statements)
        (report,) = inspect_image(str(archive), Options())
        return [f for f in report.verdict.open if f.rule.family == "attestation-secret"]

    return inspect


@pytest.mark.parametrize("write", [oci_archive, containerd_archive])
def test_a_build_argument_in_provenance_is_told_under_its_name(found, write):
    (finding,) = found([statement(DEPLOY_PASSWORD="hunter2prod-Xk9")], write)
    assert finding.secret.name == "DEPLOY_PASSWORD"
    assert finding.location.pointer == "/predicate/invocation/parameters/args/build-arg:DEPLOY_PASSWORD"


def test_a_token_in_the_embedded_dockerfile_is_found(found):
    (finding,) = found([statement(dockerfile=f"FROM scratch\nENV SLACK={TOKEN}\n")])
    assert finding.rule.id == "attestation-secret/slack-token"


def test_credentials_in_the_context_s_url_are_found(found):
    document = statement()
    document["predicate"]["invocation"]["configSource"]["uri"] = "https://bot:s3cr3tPw9Zq@git.example.com/app.git"
    (finding,) = found([document])
    assert finding.rule.id == "attestation-secret/basic-auth"


def test_a_plain_attestation_has_no_secret(found):
    assert found([statement(NODE_ENV="production")]) == []


def test_no_secret_of_an_attestation_is_in_the_report(tmp_path):
    archive = oci_archive(
        image(layer({"a": "b"})), tmp_path / "a.tar", attestations=[statement(DEPLOY_PASSWORD="hunter2prod-Xk9")]
    )
    (report,) = inspect_image(str(archive), Options())
    assert "hunter2" not in repr(report)
    assert "hunter2" not in json.dumps([f.message for f in report.verdict.open])
