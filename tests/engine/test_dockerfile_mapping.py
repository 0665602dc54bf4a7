"""Images built by a real engine, by both builders: each step has the line of the instruction that made it."""

from __future__ import annotations

import json

import pytest

from tests.engine.builds import BUILDERS, build, write_context
from tests.engine.conftest import imgscan

FILES = {
    "app/a.txt": "hello\n",
    "app/app-2.0.jar": "no jar\n",
    "my dir/f": "blanks\n",
    "app/.env": "DATABASE_PASSWORD=super_secret_password_123\nAPI_KEY=sk-live-abc123xyz789\n",
}
DOCKERFILE = """\
# escape=\\
# A comment before everything
ARG NOWHERE=base
ARG VERSION=1.0

FROM scratch AS root
LABEL one=1 \\
      other="two words"
ADD rootfs.tar /
ENV PATH=/bin

FROM root AS onbuild
ONBUILD RUN echo triggered > /triggered
ONBUILD COPY app/a.txt /from-trigger

FROM root AS build
ARG VERSION
RUN echo building $VERSION

FROM onbuild AS Final
ARG VERSION
ARG FLAVOUR=vanilla
ENV HOME_DIR=/srv/app \\
    MODE="pro duction" \\
    EMPTY=
WORKDIR $HOME_DIR
WORKDIR sub/dir
COPY app/app-${VERSION}.jar ./app.jar
COPY ["my dir/f", "/target dir/"]
COPY --from=build /bin/busybox /busybox2
COPY app/.env /srv/app/
# a comment
RUN echo one && \\
    # a comment inside
    echo two \\

    && echo   three
RUN echo "version $VERSION of ${FLAVOUR}"
RUN ["echo", "exec", "form"]
RUN rm -f /srv/app/.env
SHELL ["/bin/sh", "-e", "-c"]
RUN echo with another shell
ADD app/a.txt $HOME_DIR/
EXPOSE 8080 9000/udp
VOLUME /data /more
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s CMD echo ok || exit 1
USER 1000:1000
ENTRYPOINT ["/bin/sh"]
CMD echo "hello $MODE"

FROM root AS never
RUN echo one && echo two && echo three
RUN echo never
"""

SOURCE = DOCKERFILE.splitlines()
FIRST, FINAL, LAST = (
    SOURCE.index(head) + 1 for head in ("FROM scratch AS root", "FROM onbuild AS Final", "FROM root AS never")
)
BEGIN = [
    number
    for number, line in enumerate(SOURCE, 1)
    if line.split(" ")[0].isupper() and line[0].isalpha() and not line.startswith(("FROM", "ONBUILD"))
]
ROOT = [number for number in BEGIN if FIRST < number < SOURCE.index("FROM root AS onbuild")]
TRIGGERS = [number for number, line in enumerate(SOURCE, 1) if line.startswith("ONBUILD")]
OWN = [number for number in BEGIN if FINAL < number < LAST]
LINES = {
    "classic": [*ROOT, *TRIGGERS, *TRIGGERS, *OWN, None],  # ONBUILD itself is a step; the last is --label's
    "buildkit": [*ROOT, *TRIGGERS, *OWN],
}


@pytest.fixture(scope="module", params=BUILDERS)
def built(request, engine, rootfs, tmp_path_factory):
    """(builder, tag, Dockerfile) of an image of the stage `Final`, which is not the last one."""
    folder = tmp_path_factory.mktemp(request.param)
    dockerfile = write_context(folder, DOCKERFILE, {**FILES, "rootfs.tar": rootfs})
    options = ("--target", "Final", "--build-arg", "VERSION=2.0")
    return request.param, build(folder, "mapping", request.param, *options), dockerfile


def inspect(tag, dockerfile, tmp_path):
    done = imgscan(
        "inspect", tag, "--dockerfile", str(dockerfile), "-f", "json", "-q", XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    assert done.returncode == 1, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    return report


def test_every_step_has_its_line_and_the_stage_is_found(built, tmp_path):
    builder, tag, dockerfile = built
    report = inspect(tag, dockerfile, tmp_path)
    told = report["dockerfile"]
    instructions = [step["instruction"] for step in report["image"]["history"]]
    assert list(zip(told["lines"], instructions, strict=True)) == list(zip(LINES[builder], instructions, strict=True))
    assert (told["fits"], told["stage"], told["from_line"], told["base_steps"]) == (True, "Final", FIRST, 0)
    assert not [problem for problem in report["problems"] if problem["code"] == "dockerfile-mismatch"]


def test_a_deleted_secret_has_the_line_that_copied_it(built, tmp_path):
    _, tag, dockerfile = built
    report = inspect(tag, dockerfile, tmp_path)
    secrets = [finding for finding in report["findings"] if finding["rule"].startswith("file-secret/")]
    assert {finding["fate"]["state"] for finding in secrets} == {"deleted"}
    for finding in secrets:
        assert finding["location"]["dockerfile"] == {
            "path": "Dockerfile",
            "line": SOURCE.index("COPY app/.env /srv/app/") + 1,
        }
        assert finding["added_by"]["dockerfile"] == {
            "path": "Dockerfile",
            "line": SOURCE.index("COPY app/.env /srv/app/") + 1,
        }


def test_an_image_built_on_a_built_one_has_the_line_of_its_from_for_what_is_below(built, tmp_path):
    builder, tag, _ = built
    dockerfile = write_context(tmp_path / "above", f"FROM {tag}\nUSER 0\nWORKDIR /above\nUSER 1000\n", {})
    report = inspect(build(dockerfile.parent, "above", builder), dockerfile, tmp_path)
    below = len(LINES[builder])
    assert report["dockerfile"]["lines"][: below + 3] == [1] * below + [2, 3, 4]
    assert report["dockerfile"]["base_steps"] == below


def test_another_dockerfile_is_told_and_gives_no_line(built, tmp_path):
    _, tag, _ = built
    other = write_context(tmp_path / "other", "FROM scratch\nCOPY . .\nRUN make\nRUN make install\nUSER app\n", {})
    report = inspect(tag, other, tmp_path)
    assert report["dockerfile"]["fits"] is False
    assert set(report["dockerfile"]["lines"]) == {None}
    assert all(finding["location"]["dockerfile"] is None for finding in report["findings"])
    (problem,) = [problem for problem in report["problems"] if problem["code"] == "dockerfile-mismatch"]
    assert "does not fit" in problem["message"]


def test_an_edited_dockerfile_keeps_the_lines_that_are_sure(built, tmp_path):
    builder, tag, dockerfile = built
    text = dockerfile.read_text().replace("RUN rm -f /srv/app/.env\n", "RUN rm -rf /srv/app/.env /tmp/x\n")
    edited = write_context(tmp_path / "edited", text, {})
    report = inspect(tag, edited, tmp_path)
    gone = SOURCE.index("RUN rm -f /srv/app/.env") + 1
    expected = [None if line == gone else line for line in LINES[builder]]
    assert report["dockerfile"]["lines"] == expected
    (problem,) = [problem for problem in report["problems"] if problem["code"] == "dockerfile-mismatch"]
    assert f"line {gone}" in problem["message"]
