"""History entries and layers, joined from the config alone.

An entry makes a layer unless it says `empty_layer`; where there are as many of these as layers, they pair in order
(OCI image spec, config.md, "history"). Sizes are never asked: a RUN may well make an empty layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from imgscan.errors import Effect, Problem
from imgscan.image.history.arguments import CONFIG_ONLY
from imgscan.image.history.assignments import assignments
from imgscan.image.history.created_by import parse_created_by
from imgscan.image.history.go_values import read_whole_list
from imgscan.image.history.shells import LINUX_SHELL, WINDOWS_SHELL
from imgscan.image.image import Builder, HistoryEntry, HistoryStep, ImageConfig, Instruction


class JoinedHistory(NamedTuple):
    """`steps` in the order of the config's history; `by_layer` has the step that made a layer, by its index from 0."""

    steps: tuple[HistoryStep, ...]
    by_layer: dict[int, HistoryStep]
    problems: tuple[Problem, ...]


def join_history(config: ImageConfig, layer_count: int) -> JoinedHistory:
    """The history of `config`, parsed, each step with its layer of the `layer_count` there are.

    When the counts disagree a Problem says so, and entries that cannot have made a layer whatever they say (blank ones,
    ENV, CMD, ...) are left out: where that makes the counts agree, the rest is paired. Otherwise no step has a layer,
    since an entry may be missing at either end or in between, and a wrong instruction is worse than none.
    """
    instructions = _parse(config)
    entries = list(zip(config.history, instructions, strict=True))
    makers = [index for index, (entry, _) in enumerate(entries) if not entry.empty_layer]
    problems: tuple[Problem, ...] = ()
    if len(makers) != layer_count:
        claimed = len(makers)
        makers = [index for index in makers if _may_make_layer(*entries[index])]
        aligned = len(makers) == layer_count
        problems = (_mismatch(len(entries), claimed, layer_count, aligned=aligned),)
        makers = makers if aligned else []
    layer_of = {index: layer for layer, index in enumerate(makers)}
    steps = tuple(
        HistoryStep(
            index=index,
            created=entry.created,
            created_by=entry.created_by,
            comment=entry.comment,
            author=entry.author,
            empty_layer=entry.empty_layer,
            layer=layer_of.get(index),
            instruction=instruction,
        )
        for index, (entry, instruction) in enumerate(entries)
    )
    return JoinedHistory(steps, {step.layer: step for step in steps if step.layer is not None}, problems)


def first_shell(config: ImageConfig) -> tuple[str, ...]:
    """The shell in effect before any SHELL of the history."""
    if config.shell and not any("SHELL " in entry.created_by for entry in config.history):
        # The config has the last SHELL's; it holds for all steps where the builder recorded none.
        return config.shell
    return WINDOWS_SHELL if config.platform.os == "windows" else LINUX_SHELL


def shell_words(instruction: Instruction) -> tuple[str, ...]:
    """The shell that a SHELL sets; empty where its arguments are no list of words."""
    return read_whole_list(instruction.arguments) or ()


def _parse(config: ImageConfig) -> list[Instruction]:
    """Every entry read with what the ones before it settle: the shell, the build args, and buildah's mark."""
    shell = first_shell(config)
    arg_names = set[str]()
    by_buildah = False
    instructions = []
    for entry in config.history:
        instruction = parse_created_by(
            entry.created_by, comment=entry.comment, author=entry.author, shell=shell, arg_names=arg_names
        )
        by_buildah = _is_by_buildah(entry, instruction, before=by_buildah)
        if by_buildah and instruction.builder is Builder.CLASSIC:
            instruction = replace(instruction, builder=Builder.BUILDAH)
        if instruction.keyword == "SHELL":
            shell = shell_words(instruction) or shell
        if instruction.keyword == "ARG":
            arg_names.update(name for name, _ in assignments(instruction))
        instructions.append(instruction)
    return instructions


def _is_by_buildah(entry: HistoryEntry, instruction: Instruction, *, before: bool) -> bool:
    """buildah writes the classic builder's form; its first entry over a base says `FROM image` in the comment."""
    if instruction.builder is Builder.BUILDAH or entry.comment.startswith("FROM "):
        return True
    # Two blanks after "#(nop)" are the classic builder's alone.
    return before and instruction.builder is Builder.CLASSIC and " #(nop)  " not in entry.created_by


def _may_make_layer(entry: HistoryEntry, instruction: Instruction) -> bool:
    blank = not (entry.created_by.strip() or entry.comment.strip() or entry.author.strip())
    return not blank and instruction.keyword not in CONFIG_ONLY


def _mismatch(entries: int, claimed: int, layers: int, *, aligned: bool) -> Problem:
    if not entries:
        return Problem("history-mismatch", f"the config has no history for {layers} layer(s)", Effect.NOTE)
    outcome = (
        "paired after leaving out entries that cannot make one"
        if aligned
        else "no instruction can be told for any layer"
    )
    return Problem(
        "history-mismatch",
        f"{claimed} of {entries} history entries claim a layer, the image has {layers}: {outcome}",
        Effect.NOTE,
    )
