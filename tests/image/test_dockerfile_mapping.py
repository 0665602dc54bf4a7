"""Steps and lines: exact for a Dockerfile that is the image's, none for one that is not, never a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imgscan.image.dockerfile_mapping import DockerfileMapping, map_dockerfile
from imgscan.image.dockerfile_parser import parse_dockerfile
from tests.image.written_builds import BUILDERS, Made, history, instructions

several = st.lists(instructions, min_size=1, max_size=8)


def mapped(text: str, created_by: list[str], builder: str = "buildkit", base: int = 0) -> DockerfileMapping:
    return map_dockerfile(parse_dockerfile(text, "Dockerfile"), history(created_by, builder, base))


def written(*parts: str | Made) -> tuple[str, list[int]]:
    """A Dockerfile, and the line that each of its instructions begins at."""
    lines: list[str] = []
    begun = []
    for part in parts:
        if isinstance(part, Made):
            begun.append(len(lines) + 1)
            lines += part.lines
        else:
            lines.append(part)
    return "\n".join(lines) + "\n", begun


def built(made: list[Made], builder: str) -> list[str]:
    return [text for each in made if (text := each.by(builder)) is not None]


@given(several, several, st.sampled_from(BUILDERS))
def test_every_step_of_a_build_has_the_line_of_its_instruction(base, own, builder):
    text, lines = written("# made up", "FROM base:1", *own)
    below = built(base, "classic")
    expected = [2] * len(below) + [line for each, line in zip(own, lines, strict=True) if each.by(builder) is not None]
    found = mapped(text, below + built(own, builder), builder, len(below))
    assume(len(expected) > len(below))  # kaniko keeps no settings
    assert not found.reason
    assert list(found.lines) == expected
    assert found.base_steps == len(below)
    assert (found.missing, found.extra) == ((), ())


@given(several, several, several, st.sampled_from(("classic", "buildkit")))
def test_the_stage_that_was_built_is_found_with_those_it_is_built_on(first, second, third, builder):
    text, lines = written(
        "FROM base:1 AS one", *first, "FROM one AS two", *second, "FROM base:2 AS other", *third, "RUN nowhere"
    )
    below = ["/bin/sh -c #(nop) ADD file:abc in / "]
    found = mapped(text, [*below, *built(first, builder), *built(second, builder)], builder)
    expected = [1, *lines[: len(first) + len(second)]]
    assert found.stage == "two"
    assert list(found.lines) == expected


@given(several, several, st.sampled_from(("classic", "buildkit")), st.data())
def test_an_edited_dockerfile_tells_no_line_of_another_instruction(base, own, builder, data):
    kept = [each for each in own if data.draw(st.booleans())]
    added = data.draw(st.lists(instructions, max_size=2))
    now = data.draw(st.permutations(kept)) if data.draw(st.booleans()) else kept
    text, lines = written("FROM base:1", *now, *added)
    steps = built(base, "classic") + built(own, builder)
    found = mapped(text, steps, builder)
    by_line = dict(zip(lines, (*now, *added), strict=True))
    makers = [None] * len(base) + [each.by(builder) for each in own]
    for line, maker in zip(found.lines[len(built(base, "classic")) :], makers[len(base) :], strict=True):
        if line not in (None, 1):
            assert by_line[line].by(builder).split() == maker.split()


@given(several, several, st.sampled_from(("classic", "buildkit")))
def test_a_dockerfile_of_something_else_tells_no_line(image, other, builder):
    own = [run(f"only here {number}") for number in range(9)]
    text, _ = written("FROM base:1", *own)
    found = mapped(text, built(image, builder) + built(other, builder), builder)
    assert found.reason
    assert set(found.lines) == {None}


def run(command: str) -> Made:
    return Made((f"RUN {command}",), f"/bin/sh -c {command}", f"RUN /bin/sh -c {command} # buildkit", f"RUN {command}")


@given(several, several, st.sampled_from(("classic", "buildkit")))
def test_instructions_added_since_are_told_and_the_others_keep_their_lines(base, own, builder):
    new = run("something that no image has yet")
    text, lines = written("FROM base:1", *own, *own, *own, new)
    steps = built(base, "classic") + built(own * 3, builder)
    found = mapped(text, steps, builder)
    assert not found.reason
    assert found.missing == (lines[-1],)
    assert list(found.lines[len(built(base, "classic")) :]) == lines[:-1]


def test_where_the_first_instruction_was_edited_nobody_knows_where_the_base_ends():
    made = [run(f"step number {number}") for number in range(6)]
    text, lines = written("FROM base:1", run("edited"), *made[1:])
    found = mapped(text, ["ADD rootfs / # buildkit", *built(made, "buildkit")])
    assert found.lines == (None, None, *lines[1:])
    assert found.base_steps is None


def test_equal_instructions_of_which_one_is_gone_have_no_sure_line():
    made = [run("same"), run("same"), *(run(f"other {number}") for number in range(6))]
    text, lines = written("FROM base:1", run("first"), *made)
    found = mapped(text, built([run("first"), *made[1:]], "buildkit"))
    assert list(found.lines) == [lines[0], None, *lines[3:]]
    assert (found.missing, found.unsure) == ((), (lines[1], lines[2]))


def test_of_many_equal_instructions_that_are_too_many_none_is_sure_and_neither_is_the_base():
    text, lines = written("FROM base:1", *[run("same")] * 12, run("last"))
    found = mapped(
        text, ["ADD rootfs / # buildkit", *built([run("same")] * 10, "buildkit"), *built([run("last")], "buildkit")]
    )
    assert set(found.lines[:-1]) == {None}
    assert found.lines[-1] == lines[-1]
    assert found.base_steps is None


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_of_two_equal_stages_the_last_one_is_what_a_build_makes(builder):
    made = [run("a"), run("b")]
    text, lines = written("FROM base:1 AS one", *made, "FROM base:2 AS two", *made)
    found = mapped(text, built(made, builder), builder)
    assert found.stage == "two"
    assert list(found.lines) == lines[2:]


def test_equal_stages_of_which_none_is_the_last_give_no_line():
    made = [run("a"), run("b")]
    text, _ = written("FROM base:1 AS one", *made, "FROM base:2 AS two", *made, "FROM base:3", run("c"))
    found = mapped(text, ["ADD rootfs / # buildkit", *built(made, "buildkit")])
    assert found.lines == (None, None, None)


def test_onbuild_runs_in_the_next_stage_under_its_own_line():
    text = "FROM scratch AS base\nRUN a one\nONBUILD RUN b two\nONBUILD COPY . /src\nFROM base\nRUN c three\n"
    buildkit = ["RUN /bin/sh -c a one # buildkit", "RUN /bin/sh -c b two # buildkit", "COPY . /src # buildkit"]
    assert mapped(text, [*buildkit, "RUN /bin/sh -c c three # buildkit"]).lines == (2, 3, 4, 6)
    classic = ["/bin/sh -c a one", "/bin/sh -c #(nop)  ONBUILD RUN b two", "/bin/sh -c #(nop)  ONBUILD COPY . /src"]
    classic += ["/bin/sh -c b two", f"/bin/sh -c #(nop) COPY dir:{'0' * 64} in /src ", "/bin/sh -c c three"]
    assert mapped(text, classic, "classic").lines == (2, 3, 4, 3, 4, 6)


def test_variables_are_what_the_build_made_of_them():
    text = (
        "ARG TAG=1\nFROM base:${TAG} AS one\nARG VERSION=1.0\nENV HOME=/srv/app EXTRA=$UNKNOWN\nWORKDIR $HOME\n"
        "COPY app-${VERSION}.jar ${HOME}/app.jar\nCOPY $NOBODY ${KNOWS:-x}\nUSER ${RUNNER:-app}\n"
        "FROM one\nRUN last one\n"
    )
    steps = [
        "ARG VERSION=2.0",
        "ENV HOME=/srv/app EXTRA=from base",
        "WORKDIR /srv/app",
        "COPY app-2.0.jar /srv/app/app.jar # buildkit",
        "COPY here there # buildkit",
        "USER app",
        "RUN |1 VERSION=2.0 /bin/sh -c last one # buildkit",
    ]
    found = mapped(text, ["ADD rootfs / # buildkit", *steps])
    assert found.lines == (2, 3, 4, 5, 6, 7, 8, 10)


def test_a_variable_set_otherwise_in_the_dockerfile_is_no_match():
    made = [run(f"step {number}") for number in range(4)]
    text, lines = written("FROM base:1", "ENV HOME=/srv", "WORKDIR $HOME", *made)
    steps = ["ENV HOME=/srv", "WORKDIR /elsewhere", *built(made, "buildkit")]
    assert mapped(text, steps).lines == (2, None, *lines)


def test_labels_of_the_command_line_and_buildah_s_tails_are_no_other_dockerfile():
    text = 'FROM base:1\nRUN a one\nCMD ["x"]\n'
    steps = ["/bin/sh -c a one", '/bin/sh -c #(nop)  CMD ["x"]', "/bin/sh -c #(nop)  LABEL from=outside"]
    found = mapped(text, steps, "classic")
    assert found.lines == (2, 3, None)
    assert not found.reason
    assert found.extra == ()


def test_windows_and_other_shells_are_known_again():
    text = '# escape=`\nFROM base:1\nSHELL ["powershell", "-Command"]\nRUN Get-Item `\n  C:\\x\nWORKDIR C:\\app\n'
    steps = [
        "powershell -Command #(nop)  SHELL [powershell -Command]",
        "powershell -Command Get-Item   C:\\x",
        "powershell -Command #(nop) WORKDIR C:\\app",
    ]
    assert mapped(text, steps, "classic").lines == (3, 4, 6)


def test_a_heredoc_that_runs_as_a_script_is_known_by_its_name():
    text = (
        "FROM base:1\nRUN <<SETUP\n#!/bin/bash\necho hi\nSETUP\n"
        "RUN cat <<A > /x && cat <<-B\none\nA\n\ttwo\nB\nRUN end\n"
    )
    steps = [
        "RUN /dev/pipes/SETUP # buildkit",
        "RUN /bin/sh -c cat <<A > /x && cat <<-B\none\nA\ntwo\nB # buildkit",
        "RUN /bin/sh -c end # buildkit",
    ]
    assert mapped(text, steps).lines == (2, 6, 11)


def test_a_history_that_is_empty_or_of_no_builder_fits_no_dockerfile():
    assert mapped("FROM base:1\nRUN x\n", []).reason
    assert mapped("FROM base:1\nRUN x\n", ["bazel build ...", "jib"]).reason
    assert mapped("FROM base:1\n", ["RUN /bin/sh -c x # buildkit"]).reason


def test_long_ones_are_aligned_and_longer_ones_refused():
    text = "FROM base:1\n" + "RUN x\n" * 300
    found = mapped(text, ["RUN /bin/sh -c x # buildkit"] * 3_000)
    assert found.lines[-300:] == tuple(range(2, 302))
    assert "too large" in mapped("FROM base:1\n" + "RUN x\n" * 2_000, ["RUN /bin/sh -c x # buildkit"] * 4_000).reason


ODD = st.lists(
    st.sampled_from(
        [
            "RUN ", "COPY ", "ENV ", "ARG ", "FROM ", "EXPOSE ", "VOLUME ", "HEALTHCHECK ", "ONBUILD ", "CMD ",
            "LABEL ", "/bin/sh -c ", "#(nop) ", " # buildkit", "|2 ", "A=", "$", "${", "}", "[", "]", '"', "'", "\\",
            "<<E", "E", " ", "\n", "--x ", "map[", "&{", "file:", "80-9", "/", ".", "\ud800", "١",
        ]
    )
).map("".join)  # fmt: skip


@given(ODD, st.lists(ODD, max_size=6), st.sampled_from(BUILDERS))
def test_whatever_is_in_a_dockerfile_and_a_history_they_are_compared(text, created_by, builder):
    found = mapped(f"FROM x\n{text}\n", created_by, builder)
    assert len(found.lines) == len(created_by)
    assert all(line is None or 1 <= line <= text.count("\n") + 2 for line in found.lines)
