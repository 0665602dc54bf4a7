"""The Dockerfile told back from the history, and what is said of what cannot be known."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.image.blob import MissingBlob
from imgscan.image.dockerfile import as_dockerfile, reconstruct
from imgscan.image.image import (
    Builder,
    Healthcheck,
    HistoryEntry,
    Image,
    ImageConfig,
    Layer,
    Platform,
    SourceKind,
)

BUILDKIT = "buildkit.dockerfile.v0"
SECRET = "super_secret_password_123"
DIGEST = "0eb5ea35741d23fe39cbac245b3a5d84856ed6384f4ff07d496369ee6d960bad"


def entry(created_by: str, *, comment: str = "", author: str = "", empty: bool = False) -> HistoryEntry:
    return HistoryEntry("2024-01-17T19:18:25Z", created_by, comment, author, empty)


def buildkit(created_by: str, *, empty: bool = False) -> HistoryEntry:
    return entry(created_by, comment=BUILDKIT, empty=empty)


def image(*history: HistoryEntry, layers: int | None = None, **settings: object) -> Image:
    config = ImageConfig("sha256:0", Platform("linux", "amd64"), history=history, **settings)
    count = sum(not each.empty_layer for each in history) if layers is None else layers
    blobs = tuple(Layer(index, f"sha256:{index}", MissingBlob("", "")) for index in range(count))
    return Image("app:latest", SourceKind.ARCHIVE, config, blobs, ())


def shown(*history: HistoryEntry, **settings: object) -> str:
    """The Dockerfile without its comments and its FROM."""
    text = as_dockerfile(reconstruct(image(*history, **settings), {}, str))
    return "\n".join(line for line in text.splitlines() if line and not line.startswith(("#", "FROM ")))


def joined_lines(text: str) -> str:
    """What a builder makes of continued lines."""
    return re.sub(r"\\[ \t]*\n", "", text)


blanks = st.text(" \t", min_size=1, max_size=6)
pieces = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\<"), min_size=1)
long_commands = st.lists(st.tuples(pieces, blanks), min_size=30, max_size=60).map(
    lambda pairs: "".join(piece + blank for piece, blank in pairs) + "end"
)


@given(long_commands)
def test_breaking_a_long_run_over_lines_loses_nothing(command):
    text = shown(entry(f"/bin/sh -c x{command}"))
    assert joined_lines(text) == f"RUN x{command}"
    assert not any(line.lstrip().startswith("#") for line in text.splitlines()[1:])


@given(st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=5), min_size=2, max_size=5))
def test_a_run_of_several_lines_stays_one_instruction_with_all_its_lines(lines):
    body = "\n".join(lines) + "\n"
    text = as_dockerfile(reconstruct(image(buildkit(f"RUN /bin/sh -c :{body} # buildkit")), {}, str))
    run = text[text.index("\nRUN ") + 1 :]
    opened = re.match(r"RUN <<(EOF\d*)\n", run)
    assert opened is not None
    assert run.removeprefix(opened[0]) == f":{body}{opened[1]}\n"


def test_breaks_stand_where_the_indent_tells_there_were_some():
    command = (
        "set -eux;     apt-get update;     apt-get install -y --no-install-recommends         gcc     ;     rm -rf /x"
    )
    assert shown(entry(f"/bin/sh -c {command}")).splitlines() == [
        "RUN set -eux; \\",
        "    apt-get update; \\",
        "    apt-get install -y --no-install-recommends \\",
        "        gcc \\",
        "    ; \\",
        "    rm -rf /x",
    ]


@pytest.mark.parametrize(
    ("created_by", "comment", "text"),
    [
        ("RUN /bin/sh -c cat <<X > /f\nhi\nX # buildkit", BUILDKIT, "RUN cat <<X > /f\nhi\nX"),
        ("RUN /bin/sh -c cat <<X > /f\nhi\nX\nls\n # buildkit", BUILDKIT, "RUN <<EOF\ncat <<X > /f\nhi\nX\nls\nEOF"),
        ("/bin/sh -c <<EOF\nmake\nmake install|force-mtime=10", "", "RUN <<EOF\nmake\nmake install\nEOF"),
        ("RUN /bin/sh -c /dev/pipes/EOF # buildkit", BUILDKIT, "RUN <<EOF\nEOF"),
        ("COPY <<a <<b /dst/ # buildkit", BUILDKIT, "COPY <<a <<b /dst/\na\nb"),
        ("RUN /bin/bash -c echo hi # buildkit", BUILDKIT, 'RUN ["/bin/bash", "-c", "echo hi"]'),
        ("RUN apt-get update # buildkit", BUILDKIT, 'RUN ["apt-get", "update"]'),
        ("/bin/sh -c echo \\", "", "RUN <<EOF\necho \\\nEOF"),
        ("/bin/sh -c cat <<X > /f", "", "RUN <<EOF\ncat <<X > /f\nEOF"),
        ("/bin/sh -c echo $((1<<3))", "", "RUN echo $((1<<3))"),
        ("ENV A=one\nRUN evil", BUILDKIT, 'ENV A="one RUN evil"'),
        ('CMD ["a" "b"]', BUILDKIT, 'CMD ["a", "b"]'),
    ],
)
def test_written_so_that_a_builder_reads_the_same_instruction(created_by, comment, text):
    assert shown(entry(created_by, comment=comment)) == text


def test_a_run_through_the_shell_of_an_earlier_step_is_plain():
    text = shown(
        buildkit("SHELL [/bin/bash -o pipefail -c]", empty=True),
        buildkit("RUN /bin/bash -o pipefail -c a | b # buildkit"),
        buildkit("RUN /bin/sh -c c # buildkit"),
    )
    assert text.splitlines() == [
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
        "RUN a | b",
        'RUN ["/bin/sh", "-c", "c"]',
    ]


def test_steps_are_values_with_layer_size_builder_and_build_args():
    built = image(
        entry(f"/bin/sh -c #(nop) ADD file:{DIGEST} in / "),
        buildkit("ARG TOKEN=abc", empty=True),
        buildkit("RUN |1 TOKEN=abc /bin/sh -c make # buildkit"),
        entry("ko build example.com/app", author="ko"),
    )
    steps = reconstruct(built, {0: 10, 1: 0}, str).steps
    assert [(step.index, step.layer, step.size, step.builder) for step in steps] == [
        (0, 0, 10, Builder.CLASSIC),
        (1, None, None, Builder.BUILDKIT),
        (2, 1, 0, Builder.BUILDKIT),
        (3, 2, None, Builder.KO),
    ]
    assert steps[2].build_args == (("TOKEN", "abc"),)
    assert (steps[2].instruction, steps[3].instruction, steps[3].dockerfile) == (
        "RUN make",
        "ko build example.com/app",
        "",
    )


def test_what_no_builder_records_is_said():
    text = as_dockerfile(
        reconstruct(
            image(
                entry(f"/bin/sh -c #(nop) COPY file:{DIGEST} in /x "),
                buildkit("COPY <<EOF /y # buildkit"),
                buildkit("RUN make # buildkit"),
                entry("", comment="Imported from -"),
            ),
            {},
            str,
        )
    )
    for words in (
        "not its original Dockerfile",
        "Where the base image ends is not recorded",
        "no --from",
        "--mount",
        "only a digest is recorded",
        "body of this heredoc is not recorded",
        "run without a shell",
        "# layer 3: Imported from -",
    ):
        assert words in text


def test_a_base_that_the_builder_names_stands_where_it_ends():
    text = as_dockerfile(
        reconstruct(
            image(
                entry(f"/bin/sh -c #(nop) ADD file:{DIGEST} in / "),
                entry("/bin/sh -c make", comment="FROM registry.example/base:1"),
            ),
            {},
            str,
        )
    )
    assert text.index("ADD file:") < text.index("# FROM registry.example/base:1") < text.index("RUN make")
    assert "Where the base image ends is not recorded" not in text


def test_a_disagreement_of_history_and_layers_is_said():
    built = reconstruct(image(entry("/bin/sh -c make"), layers=2), {}, str)
    assert [problem.code for problem in built.problems] == ["history-mismatch"]
    assert built.problems[0].message in as_dockerfile(built)


def test_settings_without_a_step_come_from_the_config():
    text = shown(
        entry("RUN make", author="kaniko"),
        env=('A=b "c"',),
        user="app",
        cmd=("a", "b c"),
        exposed_ports=("80/tcp",),
        healthcheck=Healthcheck(("CMD-SHELL", "true")),
        on_build=("COPY . /app",),
    )
    assert text.splitlines() == [
        "RUN make",
        'ENV A="b \\"c\\""',
        "USER app",
        "EXPOSE 80/tcp",
        "HEALTHCHECK CMD true",
        "ONBUILD COPY . /app",
        'CMD ["a", "b c"]',
    ]


def test_settings_that_a_step_tells_are_not_repeated():
    assert shown(buildkit("USER app", empty=True), user="app") == "USER app"


def mask(text: str) -> str:
    return text.replace(SECRET, "***")


@pytest.mark.parametrize(
    "entry_with_secret",
    [
        buildkit(f"ENV A={SECRET} b"),
        buildkit(f"RUN |1 A={SECRET} /bin/sh -c echo {SECRET} # buildkit"),
        buildkit(f"RUN |1 {SECRET}=x /bin/sh -c make # buildkit"),
        entry(f"/bin/sh -c make     {'x' * 100}     {SECRET}"),
        buildkit(f"RUN /bin/sh -c a\n{SECRET}\n # buildkit"),
        buildkit(f'CMD ["a" "{SECRET}"]'),
        entry("make", comment=SECRET, author=SECRET),
        entry("/bin/sh -c x", comment=f"FROM {SECRET}"),
        entry(SECRET),
    ],
)
def test_no_secret_leaves(entry_with_secret):
    secret_everywhere = {
        "env": (f"A={SECRET}",),
        "cmd": (SECRET,),
        "entrypoint": (SECRET,),
        "user": SECRET,
        "working_dir": SECRET,
        "labels": (("a", SECRET),),
        "on_build": (SECRET,),
        "shell": (SECRET,),
        "volumes": (SECRET,),
        "exposed_ports": (SECRET,),
        "stop_signal": SECRET,
        "healthcheck": Healthcheck(("CMD", SECRET)),
    }
    built = reconstruct(image(entry_with_secret, **secret_everywhere), {}, mask)
    assert SECRET not in repr(built)
    assert SECRET not in as_dockerfile(built)
    assert "***" in as_dockerfile(built)


def test_a_secret_spelled_in_another_way_does_not_leave_either():
    spelled = "".join(f"\\x{ord(char):02x}" for char in SECRET)
    built = reconstruct(image(buildkit(f'CMD ["{spelled}"]')), {}, mask)
    assert built.steps[0].instruction == 'CMD ["***"]'
    assert SECRET not in as_dockerfile(built)


def test_a_secret_that_quoting_would_spell_in_another_way_does_not_leave():
    secret = 'a"b\\c'
    built = reconstruct(image(env=(f"A={secret}",), cmd=(secret,)), {}, lambda text: text.replace(secret, "***"))
    assert built.settings == ("ENV A=***", 'CMD ["***"]')


def test_a_redactor_that_needs_the_name_sees_it_with_the_value():
    def by_name(text: str) -> str:
        return re.sub(r"(TOKEN=)\S+", r"\1***", text)

    built = reconstruct(image(buildkit("RUN |1 TOKEN=abc /bin/sh -c make # buildkit")), {}, by_name)
    assert built.steps[0].build_args == (("TOKEN", "***"),)


@given(st.lists(st.builds(entry, st.text(), comment=st.text(), empty=st.booleans()), max_size=5), st.integers(0, 5))
def test_no_history_raises(entries, layers):
    text = as_dockerfile(reconstruct(image(*entries, layers=layers), {}, str))
    assert text.endswith("\n")
