"""created_by of every builder read back, and history joined with layers."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect
from imgscan.image.history import assignments, join_history, parse_created_by
from imgscan.image.image import Builder, HistoryEntry, ImageConfig, Instruction, Platform

SH = ("/bin/sh", "-c")
BASH = ("/bin/bash", "-o", "pipefail", "-c")
POWERSHELL = ("powershell", "-Command", "$ErrorActionPreference = 'Stop';")
DIGEST = "0eb5ea35741d23fe39cbac245b3a5d84856ed6384f4ff07d496369ee6d960bad"
BUILDKIT = "buildkit.dockerfile.v0"
NANOSECOND_ZERO = "2024-01-17T19:18:25.526214227Z"


def entry(created_by: str = "", *, comment: str = "", author: str = "", empty: bool = False) -> HistoryEntry:
    return HistoryEntry(NANOSECOND_ZERO, created_by, comment, author, empty)


def config(*history: HistoryEntry, shell: tuple[str, ...] = (), os: str = "linux") -> ImageConfig:
    return ImageConfig("sha256:0", Platform(os, "amd64"), history=history, shell=shell)


# -- how Go prints what the builders record --


def go_quoted(text: str) -> str:
    """strconv.Quote, as far as valid Unicode goes."""
    named = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}

    def one(char: str) -> str:
        if char in named:
            return "\\" + named[char]
        if char.isprintable():
            return char
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return f'"{"".join(one(char) for char in text)}"'


def go_list(words: list[str]) -> str:
    return f"[{' '.join(go_quoted(word) for word in words)}]"


# -- what people write --

scalars = st.characters(exclude_categories=["Cs"])
words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="'\"\\=#|<"), min_size=1)
plain = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="=|"), min_size=1
)  # no "=": a value that holds " name=" is ambiguous by nature
values = st.lists(plain, min_size=1, max_size=4).map(" ".join)
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
variables = st.lists(st.tuples(names, values), min_size=1, max_size=4, unique_by=lambda pair: pair[0])
commands = st.lists(words, min_size=1, max_size=8).map(" ".join).filter(lambda text: not text.startswith("-"))
shells = st.sampled_from([SH, BASH, ("/bin/ash", "-eo", "pipefail", "-c"), ("cmd", "/S", "/C"), POWERSHELL])
argvs = st.lists(st.text(scalars), min_size=1, max_size=4)
builders = st.sampled_from([Builder.CLASSIC, Builder.BUILDKIT])


def dumped(builder: Builder, shell: tuple[str, ...], instruction: str) -> tuple[str, str]:
    """created_by and comment of a metadata instruction."""
    if builder is Builder.BUILDKIT:
        return instruction, BUILDKIT
    return f"{' '.join(shell)} #(nop)  {instruction}", ""


class TestRoundTrip:
    @given(command=commands, args=variables | st.just([]), shell=shells, builder=builders)
    @example(
        command="echo hi", args=[("A", "/bin/sh -c b"), ("B", "x /bin/sh -c y z")], shell=BASH, builder=Builder.CLASSIC
    )
    def test_a_run_keeps_its_text_its_shell_and_its_build_args(self, command, args, shell, builder):
        counted = " ".join([f"|{len(args)}", *(f"{name}={value}" for name, value in args), ""]) if args else ""
        text = f"{counted}{' '.join(shell)} {command}"
        buildkit = builder is Builder.BUILDKIT
        parsed = parse_created_by(
            f"RUN {text} # buildkit" if buildkit else text,
            comment=BUILDKIT if buildkit else "",
            shell=shell,
            arg_names=[name for name, _ in args],
        )
        assert parsed == Instruction("RUN", command, shell, tuple(args), builder)

    @given(argv=argvs, keyword=st.sampled_from(["CMD", "ENTRYPOINT"]), shell=shells, builder=builders)
    def test_a_command_comes_back_as_the_list_it_was(self, argv, keyword, shell, builder):
        created_by, comment = dumped(builder, shell, f"{keyword} {go_list(argv)}")
        parsed = parse_created_by(created_by, comment=comment, shell=shell)
        assert (parsed.keyword, json.loads(parsed.arguments), parsed.builder) == (keyword, argv, builder)

    @given(argv=argvs)
    def test_what_is_json_already_stays_the_same_list(self, argv):
        parsed = parse_created_by(f"/bin/sh -c #(nop) CMD {json.dumps(argv)}")
        assert json.loads(parsed.arguments) == argv

    @given(pairs=variables, keyword=st.sampled_from(["ENV", "LABEL"]), shell=shells, builder=builders)
    def test_variables_come_back_with_their_blanks_and_quotes(self, pairs, keyword, shell, builder):
        text = " ".join(f"{name}={value}" for name, value in pairs)
        created_by, comment = dumped(builder, shell, f"{keyword} {text}")
        parsed = parse_created_by(created_by, comment=comment, shell=shell)
        assert parsed.keyword == keyword
        assert assignments(parsed) == tuple(pairs)

    @given(pairs=variables)
    def test_written_variables_stay_as_they_were_written(self, pairs):
        text = " ".join(f"{name}={json.dumps(value)}" for name, value in pairs)
        parsed = parse_created_by(f"/bin/sh -c #(nop) LABEL {text}|force-mtime=10")
        assert parsed == Instruction("LABEL", text, builder=Builder.BUILDAH)
        assert assignments(parsed) == tuple(pairs)

    @given(ports=st.lists(st.from_regex(r"[1-9][0-9]{0,4}/(tcp|udp)", fullmatch=True), min_size=1, max_size=4))
    def test_every_dump_of_expose_gives_the_ports(self, ports):
        expected = Instruction("EXPOSE", " ".join(ports), builder=Builder.BUILDKIT)
        mapped = " ".join(f"{port}:{{}}" for port in ports)
        assert parse_created_by(f"EXPOSE map[{mapped}]", comment=BUILDKIT) == expected
        assert parse_created_by(f"EXPOSE [{' '.join(ports)}]", comment=BUILDKIT) == expected
        assert parse_created_by(f"/bin/sh -c #(nop)  EXPOSE {' '.join(ports)}").text == expected.text

    @given(command=values, interval=st.sampled_from(["0s", "30s", "1m30s"]), retries=st.integers(0, 200))
    def test_every_dump_of_healthcheck_gives_the_same_instruction(self, command, interval, retries):
        rune = json.dumps(chr(retries), ensure_ascii=False)[1:-1] if 0x20 < retries < 0x7F else f"\\x{retries:02x}"
        rune = {"'": "\\'", '\\"': '"'}.get(rune, rune)
        test = go_list(["CMD-SHELL", command])
        forms = {
            f"HEALTHCHECK {{Test:[CMD-SHELL {command}] Interval:{interval} Timeout:0s StartPeriod:5s StartInterval:0s"
            f" Retries:{retries}}}",
            f'HEALTHCHECK &{{{test} "{interval}" "0s" "5s" \'{rune}\'}}',
            f'HEALTHCHECK &{{{test} "{interval}" "0s" "5s" "0s" \'{rune}\'}}',
        }
        if retries >= 0x80:  # Go escapes what is not printable as \u
            forms = {form.replace(f"\\x{retries:02x}", f"\\u{retries:04x}") for form in forms}
        options = [f"--interval={interval}"] * (interval != "0s") + ["--start-period=5s"]
        options += [f"--retries={retries}"] * (retries > 0)
        expected = " ".join([*options, f"CMD {command}"])
        assert {parse_created_by(form, comment=BUILDKIT).arguments for form in forms} == {expected}

    @given(text=st.text(scalars), keyword=st.sampled_from(["run", "COPY", "Env"]))
    def test_kaniko_keeps_what_was_written(self, text, keyword):
        parsed = parse_created_by(f"{keyword} x{text}", author="kaniko")
        assert (parsed.keyword, parsed.builder) == (keyword.upper(), Builder.KANIKO)
        if keyword == "run":
            assert parsed.arguments == f"x{text}"


FRAGMENTS = [
    *("|2 ", "A=b ", "/bin/sh -c ", "#(nop) ", "RUN ", "CMD ", "[", "]", '"', "\\", "\\x", "\\U00110000", "&{", "'"),
    *("HEALTHCHECK ", "{Test:[", "EXPOSE map[", " # buildkit", "|force-mtime=", "ENV ", "\n", "powershell ", "<<E"),
    *("SHELL ", "\ud800", "/dev/pipes/", ":sha256:", "COPY ", " in "),
]
HOSTILE = st.text() | st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


class TestHostileText:
    @given(created_by=HOSTILE, comment=HOSTILE, author=HOSTILE, shell=st.lists(HOSTILE, max_size=3).map(tuple))
    @settings(max_examples=300)
    def test_no_text_raises(self, created_by, comment, author, shell):
        parsed = parse_created_by(created_by, comment=comment, author=author, shell=shell)
        assignments(parsed)
        assert parsed.keyword or parsed.arguments == created_by

    @given(st.lists(st.builds(entry, HOSTILE, comment=HOSTILE, empty=st.booleans()), max_size=6), st.integers(0, 6))
    def test_no_history_raises_and_every_layer_has_one_step_at_most(self, entries, layers):
        joined = join_history(config(*entries), layers)
        assert [step.index for step in joined.steps] == list(range(len(entries)))
        assert all(joined.by_layer[step.layer] is step for step in joined.steps if step.layer is not None)
        assert set(joined.by_layer) in ({*range(layers)}, set())

    @pytest.mark.parametrize(
        "text",
        [
            "|9 " + "A=b " * 200_000,
            "|9 " + "sh -o sh -c " * 100_000,
            "RUN |1 A=" + "/" * 500_000,
            "CMD [" + '"a" ' * 200_000,
            "CMD " + '["' + "\\" * 500_000,
            "ENV A=" + "\"'" * 300_000,
            "/bin/sh -" + "c" * 500_000,
            "HEALTHCHECK {Test:[" + "] Interval:" * 100_000,
            "x |force-mtime=1" * 50_000 + " ",
            "powershell " + "-x powershell " * 50_000,
        ],
    )
    def test_a_huge_text_is_read_in_linear_time(self, text):
        # No clock: quadratic time on these half-megabyte texts would be minutes, and stop the run.
        assert parse_created_by(text, comment=BUILDKIT).builder in {Builder.BUILDKIT, Builder.BUILDAH}


RUN_ARGS = (("PIP_INDEX_URL", "https://pypi.example/simple"), ("NOTE", "two words"))

EXAMPLES = [
    # classic builder
    (
        '/bin/sh -c #(nop)  CMD ["/bin/sh" "-c" "rm -rf /additions/baz"]',
        'CMD ["/bin/sh", "-c", "rm -rf /additions/baz"]',
    ),
    (f"/bin/sh -c #(nop) ADD file:{DIGEST} in / ", f"ADD file:{DIGEST} /"),
    (f"/bin/sh -c #(nop) COPY dir:{DIGEST} in a      ", f"COPY dir:{DIGEST} a"),
    (f"/bin/sh -c #(nop) COPY --chown=node:node multi:{DIGEST} in ./ ", f"COPY --chown=node:node multi:{DIGEST} ./"),
    (f"/bin/sh -c #(nop) COPY file:{DIGEST} in /my dir/ ", f'COPY ["file:{DIGEST}", "/my dir/"]'),
    ("/bin/bash -o pipefail -c #(nop) WORKDIR /app", "WORKDIR /app"),
    ("/bin/sh -c #(nop)  USER [nova]", "USER nova"),
    ("/bin/sh -c #(nop)  VOLUME [/data /logs]", "VOLUME /data /logs"),
    ("/bin/sh -c #(nop)  STOPSIGNAL [SIGQUIT]", "STOPSIGNAL SIGQUIT"),
    ("/bin/sh -c #(nop)  SHELL [/bin/bash -o pipefail -c]", 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]'),
    ("/bin/sh -c #(nop) ENV container oci", "ENV container oci"),
    ("/bin/sh -c #(nop)  ENV GPG_KEYS=AAAA BBBB", 'ENV GPG_KEYS="AAAA BBBB"'),
    ("/bin/sh -c #(nop)  LABEL name=CentOS Base Image vendor=CentOS", 'LABEL name="CentOS Base Image" vendor=CentOS'),
    ("/bin/sh -c #(nop)  MAINTAINER Me <me@example.com>", "MAINTAINER Me <me@example.com>"),
    ("/bin/sh -c #(nop)  ONBUILD COPY . /app", "ONBUILD COPY . /app"),
    ('/bin/sh -c #(nop)  HEALTHCHECK &{["NONE"] "0s" "0s" "0s" \'\\x00\'}', "HEALTHCHECK NONE"),
    (
        "/bin/sh -c #(nop)  HEALTHCHECK "
        '&{["CMD-SHELL" "curl -f http://localhost:8228/health || exit 1"] "0s" "0s" "20s" \'\\x00\'}',
        "HEALTHCHECK --start-period=20s CMD curl -f http://localhost:8228/health || exit 1",
    ),
    (
        '/bin/sh -c #(nop)  HEALTHCHECK &{["CMD" "/up"] "5s" "3s" \'\\n\'}',
        'HEALTHCHECK --interval=5s --timeout=3s --retries=10 CMD ["/up"]',
    ),
    ("/bin/sh -c apt-get update &&     rm -rf /x", "RUN apt-get update &&     rm -rf /x"),
    ("|0 /bin/sh -c make", "RUN make"),
    # Windows
    ("cmd /S /C #(nop)  ENV A=b", "ENV A=b"),
    (f"cmd /S /C #(nop) COPY file:{DIGEST} in C:\\app ", f"COPY file:{DIGEST} C:\\app"),
    ("powershell -Command $ErrorActionPreference = 'Stop'; #(nop)  EXPOSE 80", "EXPOSE 80"),
    ("cmd /S /C dir C:\\", "RUN dir C:\\"),
    # BuildKit
    ("COPY --chown=app:app --chmod=0644 a b /dst/ # buildkit", "COPY --chown=app:app --chmod=0644 a b /dst/"),
    ("ADD alpine.tar / # buildkit", "ADD alpine.tar /"),
    ("VOLUME [/var/lib/data]", "VOLUME /var/lib/data"),
    (
        "HEALTHCHECK {Test:[CMD curl -f x] Interval:30s Timeout:0s StartPeriod:0s Retries:3}",
        'HEALTHCHECK --interval=30s --retries=3 CMD ["curl", "-f", "x"]',
    ),
    ("ARG A=1 B", "ARG A=1 B"),
    ("RUN /bin/sh -c echo '#(nop) CMD x' # buildkit", "RUN echo '#(nop) CMD x'"),
    ("RUN /bin/sh -c a # b # buildkit", "RUN a # b"),
    # buildah and podman
    ("/bin/sh -c #(nop) HEALTHCHECK NONE|unsetLabel=true|inheritLabels=false|force-mtime=10", "HEALTHCHECK NONE"),
    (
        f"/bin/sh -c #(nop) COPY --link dir:{DIGEST} in ./files |inheritLabels=false",
        f"COPY --link dir:{DIGEST} ./files",
    ),
    (f"/bin/sh -c make install:sha256:{DIGEST}", "RUN make install"),
    ("/bin/sh -c cat x|grep A=b", "RUN cat x|grep A=b"),
    ('/bin/sh -c #(nop) CMD ["serve", "/configs"]', 'CMD ["serve", "/configs"]'),
]


class TestForms:
    @pytest.mark.parametrize(("created_by", "text"), EXAMPLES)
    def test_reads_as_one_would_write_it(self, created_by, text):
        comment = BUILDKIT if not created_by.startswith(("/bin", "cmd", "power", "|")) else ""
        assert parse_created_by(created_by, comment=comment).text == text

    def test_build_args_of_buildkit(self):
        text = "RUN |2 PIP_INDEX_URL=https://pypi.example/simple NOTE=two words /bin/sh -c pip install x=1 # buildkit"
        assert parse_created_by(text) == Instruction("RUN", "pip install x=1", SH, RUN_ARGS, Builder.BUILDKIT)

    def test_buildah_counts_words_instead_of_build_args(self):
        text = "|3 PIP_INDEX_URL=https://pypi.example/simple NOTE=two words /bin/sh -c make"
        assert parse_created_by(text).build_args == RUN_ARGS

    def test_its_count_tells_the_shell_from_one_inside_the_command(self):
        parsed = parse_created_by("|3 A=x NOTE=two words /bin/sh -c X=1 /bin/sh -c make", shell=SH)
        assert (parsed.build_args, parsed.arguments) == ((("A", "x"), ("NOTE", "two words")), "X=1 /bin/sh -c make")

    def test_a_value_with_an_equals_sign_is_told_from_the_next_build_arg_by_the_declared_names(self):
        text = "|2 OPTS=-a x=1 -b TOKEN=abc /bin/sh -c make"
        expected = (("OPTS", "-a x=1 -b"), ("TOKEN", "abc"))
        assert parse_created_by(text, arg_names={"OPTS", "TOKEN"}).build_args == expected

    def test_a_run_without_a_shell_under_build_args(self):
        parsed = parse_created_by("RUN |1 A=b apt-get update # buildkit")
        assert (parsed.arguments, parsed.shell, parsed.build_args) == ("apt-get update", (), (("A", "b"),))

    @pytest.mark.parametrize("text", ["RUN /bin/sh -c /dev/pipes/EOF # buildkit", "RUN /dev/pipes/EOF # buildkit"])
    def test_a_heredoc_with_a_shebang_is_not_recorded(self, text):
        parsed = parse_created_by(text)
        assert (parsed.text, parsed.recorded) == ("RUN <<EOF", False)

    def test_a_heredoc_of_run_keeps_its_lines(self):
        parsed = parse_created_by("RUN /bin/sh -c set -e\necho hi\n # buildkit", comment=BUILDKIT)
        assert (parsed.arguments, parsed.recorded) == ("set -e\necho hi\n", True)

    def test_a_heredoc_of_copy_has_no_body(self):
        parsed = parse_created_by("COPY --chmod=755 <<run.sh /usr/bin/run.sh # buildkit", comment=BUILDKIT)
        assert (parsed.text, parsed.recorded) == ("COPY --chmod=755 <<run.sh /usr/bin/run.sh", False)

    @pytest.mark.parametrize(
        ("created_by", "comment", "author", "builder"),
        [
            ("ko build ko://example.com/cmd/app", "go build output, at /ko-app/app", "ko", Builder.KO),
            ("ko publish example.com/cmd/app", "", "", Builder.KO),
            ("jib-gradle-plugin:1.4.1-SNAPSHOT", "classes", "Jib", Builder.JIB),
            ("jib-maven-plugin:3.4.0", "dependencies", "", Builder.JIB),
            ("bazel build ...", "", "Bazel", Builder.BAZEL),
            ("apko", "This is an apko single-layer image", "apko", Builder.APKO),
            ("Layer: 'jre', Created by buildpack: example/java@1.0", "", "", Builder.BUILDPACKS),
            ("Application Slice: 2", "", "", Builder.BUILDPACKS),
            ("Buildpacks Launcher Config", "", "", Builder.BUILDPACKS),
            ("", "Imported from -", "", Builder.IMPORT),
            ("/bin/bash", "work in progress", "", Builder.COMMIT),
            ("mkdir /proc, mkdir /sys", "buildkit.exporter.image.v0", "", Builder.BUILDKIT),
            ("KIWI 10.0.19", "", "", Builder.UNKNOWN),
            ("# debian.sh --arch 'amd64' out/ 'trixie'", "debuerreotype 0.15", "", Builder.UNKNOWN),
            ("run rabbit run", "", "", Builder.UNKNOWN),
            ("echo #(nop) CMD x", "", "", Builder.UNKNOWN),
        ],
    )
    def test_what_is_no_instruction_stays_whole(self, created_by, comment, author, builder):
        parsed = parse_created_by(created_by, comment=comment, author=author)
        assert parsed == Instruction("", created_by, builder=builder)

    def test_rules_docker_writes_the_classic_form_and_signs_it(self):
        parsed = parse_created_by('/bin/sh -c #(nop)  CMD ["/bin/sh"]', author="Bazel")
        assert parsed == Instruction("CMD", '["/bin/sh"]', builder=Builder.BAZEL)


class TestJoin:
    @given(st.lists(st.booleans(), max_size=12))
    def test_entries_that_made_a_layer_pair_in_order(self, empties):
        joined = join_history(config(*(entry("RUN x", empty=empty) for empty in empties)), empties.count(False))
        made = [step for step in joined.steps if not step.empty_layer]
        assert [step.layer for step in made] == list(range(len(made)))
        assert joined.by_layer == dict(enumerate(made))
        assert joined.problems == ()

    def test_a_mismatch_is_told_and_no_layer_is_guessed(self):
        joined = join_history(config(entry("/bin/sh -c a"), entry("/bin/sh -c b", empty=True)), 2)
        assert [step.layer for step in joined.steps] == [None, None]
        assert [(problem.code, problem.effect) for problem in joined.problems] == [("history-mismatch", Effect.NOTE)]

    def test_entries_that_cannot_have_made_a_layer_are_left_out_when_that_settles_it(self):
        history = (entry("/bin/sh -c a"), entry('/bin/sh -c #(nop)  CMD ["x"]'), entry("/bin/sh -c b"), entry(""))
        joined = join_history(config(*history), 2)
        assert [step.layer for step in joined.steps] == [0, None, 1, None]
        assert [problem.code for problem in joined.problems] == ["history-mismatch"]

    def test_no_history_at_all_is_a_mismatch(self):
        assert [problem.code for problem in join_history(config(), 3).problems] == ["history-mismatch"]
        assert join_history(config(), 0).problems == ()

    def test_workdir_of_buildkit_made_a_layer(self):
        joined = join_history(config(entry("WORKDIR /app", comment=BUILDKIT)), 1)
        assert joined.by_layer[0].instruction.text == "WORKDIR /app"

    def test_the_shell_of_an_earlier_step_settles_where_the_command_begins(self):
        dumped_shell = f"SHELL [{' '.join(POWERSHELL)}]"
        run = f"RUN |1 A=cmd /S /C x {' '.join(POWERSHELL)} Invoke-WebRequest x # buildkit"
        history = (entry(dumped_shell, comment=BUILDKIT, empty=True), entry(run, comment=BUILDKIT))
        instruction = join_history(config(*history, os="windows"), 1).by_layer[0].instruction
        assert (instruction.shell, instruction.arguments) == (POWERSHELL, "Invoke-WebRequest x")
        assert instruction.build_args == (("A", "cmd /S /C x"),)

    @given(shell=st.lists(words, min_size=1, max_size=4))
    @example(shell=["/bin/busybox", "sh", "-eu", "-c"])
    def test_a_shell_of_any_name_is_known_from_the_step_that_sets_it(self, shell):
        prefix = " ".join(shell)
        history = (
            entry(f"{prefix} #(nop)  SHELL [{prefix}]", empty=True),
            entry(f'{prefix} #(nop)  CMD ["a" "b"]', empty=True),
            entry(f"{prefix} make all"),
        )
        told = [step.instruction.text for step in join_history(config(*history), 1).steps]
        assert told[1:] == ['CMD ["a", "b"]', "RUN make all"]

    def test_the_shell_of_the_config_holds_where_no_step_sets_one(self):
        shell = ("/usr/bin/env", "-i", "sh")
        run = entry("RUN /usr/bin/env -i sh make # buildkit", comment=BUILDKIT)
        instruction = join_history(config(run, shell=shell), 1).by_layer[0].instruction
        assert (instruction.shell, instruction.arguments) == (shell, "make")

    def test_steps_after_the_from_comment_are_buildahs_until_another_builder_shows(self):
        history = (
            entry(f"/bin/sh -c #(nop) ADD file:{DIGEST} in / "),
            entry('/bin/sh -c #(nop) LABEL a="b"', comment="FROM registry.example/base:1", empty=True),
            entry("/bin/sh -c make"),
            entry('/bin/sh -c #(nop)  CMD ["x"]', empty=True),
        )
        steps = join_history(config(*history), 2).steps
        assert [step.instruction.builder for step in steps] == [
            Builder.CLASSIC,
            Builder.BUILDAH,
            Builder.BUILDAH,
            Builder.CLASSIC,
        ]
