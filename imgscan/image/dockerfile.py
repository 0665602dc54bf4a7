"""The Dockerfile of an image, told back from its history.

`reconstruct` gives the steps as values, from which a table or JSON is rendered; `as_dockerfile` gives them as text that
a builder can parse. Both hold redacted strings only, and both say what no builder records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from imgscan.errors import Problem
from imgscan.image.history import first_shell, join_history, shell_words
from imgscan.image.image import Builder, HistoryEntry, HistoryStep, Image, ImageConfig, Instruction

Redact = Callable[[str], str]

_CONTINUE_BEYOND = 100
"""Characters from which a RUN is shown over several lines."""

_INDENT = re.compile(r"(?<=\S)([ \t])([ \t]+)(?=[^\s#])")
_WINDOWS_SHELL = re.compile(r"(?i:(?:.*[\\/])?(?:cmd|powershell|pwsh)(?:\.exe)?)", re.DOTALL)
_LINE_BREAK = re.compile(r"\r\n|[\n\r]")
_HEREDOC = re.compile(r"""(?:^|(?<=\s))\d*<<(-?)(["']?)([^\s<"']+)\2(?=\s|$)""")

_NOTE_BASE = "Where the base image ends is not recorded: its steps and those of this image are one list."
_NOTE_BUILDKIT = (
    "BuildKit records no --from, --link or --exclude of COPY, no --mount, --network or --security of RUN,"
    " and no ONBUILD."
)
_NOTE_DIGESTS = "file:, dir: and multi: stand for sources of which only a digest is recorded."
_NOTE_KANIKO = "kaniko records no ENV, CMD, USER or other setting."


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One step of the build; every string is redacted.

    `index` counts the config's history from 0; `layer` is the layer the step made, base first from 0, or None; `size`
    its uncompressed size in bytes, None where there is no layer or its size is not known. `instruction` is one logical
    line, `dockerfile` the same as it stands in a Dockerfile, with continuations and heredocs; empty where the text is
    no instruction. `notes` say what of this step is not recorded. `base` is the image that the builder says it began
    from at this step, empty where it says nothing.
    """

    index: int
    layer: int | None
    size: int | None
    created: str
    created_by: str
    comment: str
    author: str
    instruction: str
    dockerfile: str
    builder: Builder
    build_args: tuple[tuple[str, str], ...]
    recorded: bool
    notes: tuple[str, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The build of an image as far as its config tells; every string is redacted.

    `notes` say what the builders of this image do not record. `settings` are Dockerfile lines for what the config sets
    and no step explains. `problems` are those of joining history and layers.
    """

    reference: str
    steps: tuple[BuildStep, ...]
    notes: tuple[str, ...]
    settings: tuple[str, ...]
    problems: tuple[Problem, ...]


def reconstruct(image: Image, layer_sizes: Mapping[int, int], redact: Redact) -> Reconstruction:
    """The build of `image`, step by step; `layer_sizes` are in bytes, uncompressed, by the layer's index.

    `redact` is applied to what is stored and once more to what is shown: quoting may spell a value in another way.
    """
    config = _redacted_config(image.config, redact)
    joined = join_history(config, len(image.layers))
    shell = first_shell(config)
    steps = []
    for step in joined.steps:
        steps.append(_build_step(step, shell, layer_sizes, redact))
        if step.instruction.keyword == "SHELL":
            shell = shell_words(step.instruction) or shell
    return Reconstruction(
        reference=redact(image.reference),
        steps=tuple(steps),
        notes=tuple(_notes(steps)),
        settings=tuple(redact(_one_line(line)) for line in _unexplained(config, steps)),
        problems=joined.problems,
    )


def as_dockerfile(reconstruction: Reconstruction) -> str:
    """The steps as a Dockerfile, from scratch upwards, with a comment wherever something cannot be known."""
    lines = [_comment(f"Reconstructed from the history of {reconstruction.reference}; not its original Dockerfile.")]
    lines += [_comment(note) for note in reconstruction.notes]
    lines += [_comment(problem.message) for problem in reconstruction.problems]
    lines += ["", "FROM scratch"]
    for step in reconstruction.steps:
        if step.base:
            lines += ["", _comment(f"FROM {step.base}: recorded by the builder; the steps above are that image's")]
        lines += [_comment(note) for note in step.notes]
        lines.append(step.dockerfile or _comment(_no_instruction(step)))
    if reconstruction.settings:
        lines += ["", _comment("Set in the config; no step says by what:"), *reconstruction.settings]
    return "\n".join(lines) + "\n"


def _redacted_config(config: ImageConfig, redact: Redact) -> ImageConfig:
    def all_of(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(redact(text) for text in texts)

    return replace(
        config,
        history=tuple(_redacted(entry, redact) for entry in config.history),
        user=redact(config.user),
        env=all_of(config.env),
        entrypoint=all_of(config.entrypoint),
        cmd=all_of(config.cmd),
        working_dir=redact(config.working_dir),
        labels=tuple(_redacted_pair(name, value, redact) for name, value in config.labels),
        healthcheck=replace(config.healthcheck, test=all_of(config.healthcheck.test)) if config.healthcheck else None,
        exposed_ports=all_of(config.exposed_ports),
        volumes=all_of(config.volumes),
        on_build=all_of(config.on_build),
        shell=all_of(config.shell),
        stop_signal=redact(config.stop_signal),
    )


def _redacted(entry: HistoryEntry, redact: Redact) -> HistoryEntry:
    return replace(
        entry,
        created=redact(entry.created),
        created_by=redact(entry.created_by),
        comment=redact(entry.comment),
        author=redact(entry.author),
    )


def _build_step(step: HistoryStep, shell: tuple[str, ...], sizes: Mapping[int, int], redact: Redact) -> BuildStep:
    instruction = step.instruction
    return BuildStep(
        index=step.index,
        layer=step.layer,
        size=None if step.layer is None else sizes.get(step.layer),
        created=step.created,
        created_by=step.created_by,
        comment=step.comment,
        author=step.author,
        instruction=redact(instruction.text),
        dockerfile=redact(_written(instruction, shell)) if instruction.keyword else "",
        builder=instruction.builder,
        build_args=tuple(_redacted_pair(name, value, redact) for name, value in instruction.build_args),
        recorded=instruction.recorded,
        notes=tuple(_step_notes(instruction)),
        base=step.comment.removeprefix("FROM ").strip() if step.comment.startswith("FROM ") else "",
    )


def _redacted_pair(name: str, value: str, redact: Redact) -> tuple[str, str]:
    # Together first: a redactor may need the name to see that the value is a secret.
    shown_name, equals, shown_value = redact(f"{name}={value}").partition("=")
    return (shown_name, redact(shown_value)) if equals else (redact(name), redact(value))


def _written(instruction: Instruction, shell: tuple[str, ...]) -> str:
    """The instruction as it stands in a Dockerfile where `shell` is in effect."""
    if not instruction.recorded:
        return _without_body(instruction)
    if instruction.keyword != "RUN":
        return _one_line(instruction.text)
    if _is_exec_form(instruction, shell):
        words = (*instruction.shell, instruction.arguments) if instruction.shell else instruction.arguments.split()
        return f"RUN {json.dumps(list(words), ensure_ascii=False)}"
    return _written_run(instruction)


def _is_exec_form(instruction: Instruction, shell: tuple[str, ...]) -> bool:
    """Whether the RUN was a list: it went through another shell than the one in effect, or through none."""
    if instruction.builder not in {Builder.CLASSIC, Builder.BUILDKIT}:
        # kaniko keeps the user's text; buildah says "/bin/sh -c" whatever the shell was.
        return False
    return instruction.shell != shell


def _written_run(instruction: Instruction) -> str:
    text = instruction.arguments
    if "\n" in text:
        return _written_heredoc(text, dropped=instruction.builder is Builder.BUILDAH)
    if text.endswith("\\") or _HEREDOC.search(text):
        # As a line of its own it would swallow the lines below.
        return _wrapped(text)
    if len(text) <= _CONTINUE_BEYOND or _escapes_with_backtick(instruction):
        return f"RUN {text}"
    # The builder joined continued lines and kept their indent: where it stands there was a line break. Breaking there
    # again loses nothing, even inside quotes.
    return "RUN " + _INDENT.sub(r"\1\\\n\2", text)


def _escapes_with_backtick(instruction: Instruction) -> bool:
    """Dockerfiles for Windows mostly do; a backslash ends many a path there."""
    return bool(instruction.shell) and _WINDOWS_SHELL.fullmatch(instruction.shell[0]) is not None


def _written_heredoc(text: str, *, dropped: bool) -> str:
    """A RUN of several lines: with the heredocs of its first line if they are whole, else inside one of its own.

    `dropped` says that the builder keeps the bodies without the lines that end them (buildah).
    """
    first, *body = text.split("\n")
    markers = [(match[1], match[3]) for match in _HEREDOC.finditer(first)]
    at = 0
    for dash, name in markers:
        while at < len(body) and (body[at].lstrip("\t") if dash else body[at]) != name:
            at += 1
        at += 1
    if markers and at == len(body):
        return f"RUN {text}"
    if markers and dropped:
        return "\n".join((f"RUN {text}", *(name for _, name in markers)))
    return _wrapped(text)


def _wrapped(text: str) -> str:
    """`text` as the body of a heredoc, under a name that is no line of it."""
    lines = set(text.split("\n"))
    name, count = "EOF", 0
    while name in lines:
        count += 1
        name = f"EOF{count}"
    return f"RUN <<{name}\n{text.removesuffix(chr(10))}\n{name}"


def _without_body(instruction: Instruction) -> str:
    names = [match[3] for match in _HEREDOC.finditer(instruction.arguments)]
    return "\n".join((_one_line(instruction.text), *names))


def _step_notes(instruction: Instruction) -> Iterable[str]:
    if not instruction.recorded:
        yield "the body of this heredoc is not recorded"
    if instruction.keyword == "RUN" and not instruction.shell and instruction.builder is Builder.BUILDKIT:
        yield "run without a shell; where its words end is not recorded"
    if instruction.keyword not in {"", "RUN"} and _LINE_BREAK.search(instruction.arguments):
        yield "line breaks of a value are shown as blanks"


def _notes(steps: list[BuildStep]) -> Iterable[str]:
    if any(step.dockerfile for step in steps) and not any(step.base for step in steps):
        yield _NOTE_BASE
    builders = {step.builder for step in steps}
    if Builder.BUILDKIT in builders:
        yield _NOTE_BUILDKIT
    if any(re.match(r"(?:ADD|COPY) (?:--\S+ )*(?:\[\")?(?:file|dir|multi):", step.instruction) for step in steps):
        yield _NOTE_DIGESTS
    if Builder.KANIKO in builders:
        yield _NOTE_KANIKO


def _unexplained(config: ImageConfig, steps: list[BuildStep]) -> Iterable[str]:
    """What the config sets by an instruction of which the history has none (kaniko, ko, jib, ONBUILD of BuildKit)."""
    told = {step.instruction.partition(" ")[0] for step in steps}
    health = config.healthcheck.test if config.healthcheck is not None else ()
    settings: tuple[tuple[str, Iterable[str]], ...] = (
        ("SHELL", _list(config.shell)),
        ("ENV", (_pair(*variable.partition("=")[::2]) for variable in config.env)),
        ("LABEL", (_pair(name, value) for name, value in config.labels)),
        ("WORKDIR", (config.working_dir,) if config.working_dir else ()),
        ("USER", (config.user,) if config.user else ()),
        ("EXPOSE", config.exposed_ports),
        ("VOLUME", (_list((volume,))[0] for volume in config.volumes)),
        ("STOPSIGNAL", (config.stop_signal,) if config.stop_signal else ()),
        ("HEALTHCHECK", _health(health)),
        ("ONBUILD", config.on_build),
        ("ENTRYPOINT", _list(config.entrypoint)),
        ("CMD", _list(config.cmd)),
    )
    for keyword, values in settings:
        if keyword not in told:
            for value in values:
                yield f"{keyword} {value}"


def _list(words: tuple[str, ...]) -> tuple[str, ...]:
    return (json.dumps(list(words), ensure_ascii=False),) if words else ()


def _pair(name: str, value: str) -> str:
    if re.search(r"[\s\"'\\]", value) is None:
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _health(test: tuple[str, ...]) -> tuple[str, ...]:
    match test:
        case ("NONE", *_):
            return ("NONE",)
        case ("CMD-SHELL", *words):
            return (f"CMD {' '.join(words)}",)
        case ("CMD", *words):
            return tuple(f"CMD {words}" for words in _list(tuple(words)))
        case _:
            return ()


def _no_instruction(step: BuildStep) -> str:
    what = step.created_by or step.comment or "no instruction recorded"
    by = f" ({step.comment})" if step.created_by and step.comment else ""
    layer = "" if step.layer is None else f"layer {step.layer}: "
    return f"{layer}{what}{by}"


def _comment(text: str) -> str:
    return f"# {_one_line(text)}".rstrip()


def _one_line(text: str) -> str:
    return _LINE_BREAK.sub(" ", text)
