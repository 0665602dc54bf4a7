"""The .dockerignore that a report proposes: only what COPY or ADD took from the context, each line with evidence."""

from __future__ import annotations

import pytest

from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.table import render
from imgscan.report import Report
from tests.image_builder import docker_archive_hybrid, image, layer, step
from tests.secrets.forms import pem

KEY = pem("RSA PRIVATE KEY")
PASSWORD = "hunter2prod-Xk9"
CONTEXT = {
    "app/.git/HEAD": "ref: refs/heads/main\n",
    "app/.git/objects/aa/bb": b"\x78\x01",
    "app/.env": f"DB_PASSWORD={PASSWORD}\n",
    "app/.env.test": "A=b\n",
    "app/certs/server.key": KEY,
    "app/certs/ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "app/node_modules/x/README.md": "# x\n",
    "app/node_modules/x/test/a.js": "1\n",
    "app/src/index.js": "1\n",
    "app/tests/a.js": "1\n",
    "app/.vscode/settings.json": "{}\n",
    "app/README.md": "# app\n",
    "app/Dockerfile": "FROM scratch\n",
    "app/Dockerfile.dev": "FROM scratch\n",
}
EVERYTHING = [
    *("**/.git", "**/.env*", "**/*.key", "**/node_modules", "**/tests", "**/.vscode", "**/Dockerfile*", "**/*.md"),
]


@pytest.fixture(scope="session")
def matcher_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("matcher")


@pytest.fixture
def inspect(tmp_path, matcher_cache):
    def run(*parts, writer=docker_archive_hybrid, **config: object) -> Report:
        path = writer(image(*parts, tags=["a:1"], **config), tmp_path / "a")
        (report,) = inspect_image(str(path), Options(cache=CacheMode.OFF, cache_directory=matcher_cache))
        return report

    return run


def patterns(report: Report) -> list[str]:
    return [line.pattern for line in report.dockerignore]


@pytest.mark.parametrize(
    "created_by", ["COPY . . # buildkit", "/bin/sh -c #(nop) COPY dir:0123 in /app ", "ADD . /app"]
)
def test_what_a_broad_copy_took_along_is_named_worst_first(inspect, created_by: str):
    assert patterns(inspect(layer(CONTEXT, created_by=created_by))) == EVERYTHING


@pytest.mark.parametrize(
    "created_by",
    [
        "RUN /bin/sh -c npm ci # buildkit",
        "/bin/sh -c #(nop) ADD file:0123 in / ",
        "ADD rootfs.tar.xz / # buildkit",
        "COPY /app /app # buildkit",
        "COPY --from=build app /app",
        "ADD https://files.corp/x /x",
    ],
)
def test_what_is_not_from_the_context_is_not_named(inspect, created_by: str):
    assert patterns(inspect(layer(CONTEXT, created_by=created_by))) == []


def test_what_the_instruction_names_itself_is_wanted(inspect):
    files = {"app/node_modules/x/a.js": "1\n", "app/README.md": "#\n", "app/b/NOTES.md": "#\n"}
    report = inspect(layer(files, created_by="COPY node_modules README.md b /app/ # buildkit"))
    assert [(line.pattern, line.files, line.example) for line in report.dockerignore] == [
        ("**/*.md", 1, "app/b/NOTES.md")
    ]


def test_a_deleted_file_was_in_the_context_all_the_same(inspect):
    gone = layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm .env # buildkit")
    assert patterns(inspect(layer({"app/.env": f"P={PASSWORD}\n"}), gone)) == ["**/.env*"]


def test_the_table_ends_the_advice_with_it(inspect):
    text = render([inspect(layer(CONTEXT))], RenderOptions("1", width=100))
    assert max(map(len, text.split("\n"))) <= 100
    advice = text[text.index("WHAT TO DO") :]
    assert [line.split()[0] for line in advice.split("\n") if line.strip().startswith("**/")] == EVERYTHING


def test_a_value_in_places_of_several_kinds_is_one_secret_and_says_so(inspect):
    report = inspect(
        step(f"ARG DB_PASSWORD={PASSWORD}"),
        step(f"ENV DB_PASSWORD={PASSWORD}"),
        layer({"app/.env": f"DB_PASSWORD={PASSWORD}\n"}),
        env=[f"DB_PASSWORD={PASSWORD}"],
    )
    found = [finding for finding in report.verdict.open if finding.secret]
    assert report.summary.secrets == 1
    assert len({finding.secret.id for finding in found}) == 1
    assert {finding.secret.sightings for finding in found} == {len(found)}
    said = " The same value is in a file, ENV and the build history: removing one is not enough."
    assert all(finding.remediation.endswith(said) for finding in found)
    text = render([report], RenderOptions("1", width=100))
    assert f"seen in {len(found)} places" in text
    assert text.count("seen in") == 1


def test_a_value_in_two_files_says_nothing_of_the_kind(inspect):
    report = inspect(layer({"app/.env": f"P_PASSWORD={PASSWORD}\n", "app/.env.prod": f"P_PASSWORD={PASSWORD}\n"}))
    assert not any("removing one" in finding.remediation for finding in report.verdict.open)
