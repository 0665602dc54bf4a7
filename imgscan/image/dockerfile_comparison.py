"""Whether a step of an image's history is what an instruction of a Dockerfile makes, builder by builder.

What builders do to an instruction before they record it is undone or repeated here: they join lines, expand variables,
print parsed values without quotes, resolve WORKDIR, leave flags out, and the classic one and buildah know of a COPY's
sources a digest alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imgscan.image.dockerfile_parser import HEREDOC, WrittenInstruction, json_words, without_flags
from imgscan.image.dockerfile_words import Lookup, Pattern, expand, expand_whole, joined, literal, matches, merged
from imgscan.image.history import assignments
from imgscan.image.image import Builder, HistoryStep, Instruction

EXACT, LIKELY, POSSIBLE, NO = 6, 5, 4, 0
"""Equal in all that is recorded; equal but for what nobody can know; nothing speaks against it; something does."""

_DIGEST_SOURCE = re.compile(r"(?:file|dir|multi):[0-9a-f]{16,}\s+(.*)", re.DOTALL)
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/([a-z]+))?", re.IGNORECASE)
_EXACT_BUILDERS = (Builder.CLASSIC, Builder.BUILDKIT)
"""Those that record the shell of a command and none where the command is a list, and a COPY's target as it is."""
_SHELL_OPTION = re.compile(r"(?i: (?:-[a-z]*c|-command|/c))$")
_LONG_ENOUGH = 8
"""Characters that a command needs to be known again behind a shell that nobody knows."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known where an instruction stands: the escape character and the variables.

    `sure` are those that no one can have set otherwise (ENV), `likely` has the defaults of ARGs as well.
    """

    escape: str
    sure: Lookup
    likely: Lookup

    def words(self, text: str) -> tuple[list[Pattern], list[Pattern]]:
        """The words as they surely are and as they likely are."""
        return expand(text, self.escape, self.sure), expand(text, self.escape, self.likely)

    def whole(self, text: str) -> tuple[Pattern, Pattern]:
        return expand_whole(text, self.escape, self.sure), expand_whole(text, self.escape, self.likely)


Comparison = Callable[[Instruction], int]


def comparison(written: WrittenInstruction, scope: Scope) -> Comparison:
    """How well a step's instruction of the same keyword is what `written` makes: a function, EXACT to NO."""
    make = _COMPARISONS.get(written.keyword)
    return make(written, scope) if make is not None else lambda _: NO


def may_be(written: WrittenInstruction, step: HistoryStep) -> bool:
    """Whether the keywords agree; a list given to RUN is recorded by the classic builder as its words alone."""
    recorded = step.instruction.keyword
    return recorded == written.keyword or (written.keyword == "RUN" and not recorded and written.words is not None)


def blank_free(text: str) -> str:
    """Runs of white space as one blank: builders keep the indent of continued lines or do not."""
    return " ".join(text.split())


def _run(written: WrittenInstruction, scope: Scope) -> Comparison:
    del scope  # the shell expands it, not the builder
    command = without_flags(written.arguments)
    words = written.words
    texts = {
        blank_free(text) for text in ([" ".join(words)] if words is not None else _command_texts(command, written))
    }
    names = " ".join(f"<<{name}" for name, _ in written.heredocs)

    def compare(step: Instruction) -> int:
        if not step.recorded:
            return LIKELY if names and step.arguments == names else NO
        text = blank_free(step.arguments)
        if step.builder in _EXACT_BUILDERS:
            if words is not None:
                return EXACT if blank_free(" ".join((*step.shell, step.arguments))) in texts else NO
            if not step.shell:
                return NO
        if words is not None and json_words(without_flags(step.arguments)) == words:
            return EXACT
        if text in texts or blank_free(without_flags(step.arguments)) in texts:
            return EXACT
        behind = any(len(known) >= _LONG_ENOUGH and _is_behind_shell(text, known) for known in texts)
        return POSSIBLE if behind else NO

    return compare


def _is_behind_shell(text: str, command: str) -> bool:
    """Whether `text` is the command and a shell that the base image has set, which no step tells of."""
    return text.endswith(f" {command}") and _SHELL_OPTION.search(text[: -len(command) - 1]) is not None


def _command_texts(command: str, written: WrittenInstruction) -> list[str]:
    """What a shell is given: the line, with the bodies of its heredocs as the builders leave them."""
    bodies = [body for _, body in written.heredocs]
    ended = [f"{body}{name}\n" for name, body in written.heredocs]
    texts = [f"{command}\n{''.join(ended)}", f"{command}\n{''.join(bodies)}"]
    if bodies and HEREDOC.fullmatch(command.strip()):
        texts.append(bodies[0])
    return texts


def _copy(written: WrittenInstruction, scope: Scope) -> Comparison:
    text = without_flags(written.arguments)
    listed = json_words(text)
    if listed is not None:
        sure, likely = ([expand_word(word, lookup, scope) for word in listed] for lookup in (scope.sure, scope.likely))
    else:
        sure, likely = scope.words(text)

    written_so = blank_free(text)

    def compare(step: Instruction) -> int:
        found = without_flags(step.arguments)
        decoded = json_words(found)
        found = blank_free(" ".join(decoded) if decoded is not None else found)
        of_digest = _DIGEST_SOURCE.fullmatch(found)
        if of_digest is not None:
            return min(_target(sure, likely, of_digest[1], step.builder), LIKELY)
        exact = _match((joined(sure, " "), joined(likely, " ")), found)
        if exact or not sure:
            return exact
        if found == written_so and step.builder is Builder.KANIKO:
            return EXACT  # which does not expand what it records
        *sources, target = found.split(" ")
        same = _match((joined(sure[:-1], " "), joined(likely[:-1], " ")), " ".join(sources))
        return min(same, _target(sure, likely, target, step.builder), LIKELY) if same else NO

    return compare


def expand_word(word: str, lookup: Lookup, scope: Scope) -> Pattern:
    """A word of a list: expanded, with its blanks and quotes kept."""
    return expand_whole(f'"{word}"' if '"' not in word else word, scope.escape, lookup)


def _target(sure: list[Pattern], likely: list[Pattern], found: str, builder: Builder) -> int:
    if not sure:
        return NO
    exact = _match((sure[-1], likely[-1]), found)
    if exact or builder in _EXACT_BUILDERS:
        return exact
    # Others resolve it, or leave out its last slash.
    return _resolved(sure, likely, found)


def _resolved(sure: list[Pattern], likely: list[Pattern], found: str) -> int:
    """How a path agrees that may have been made absolute, as every builder does with WORKDIR."""
    ways = [(_path(sure[-1]), _path(likely[-1])), (sure[-1], likely[-1])]
    if (near := max(_match(way, _trimmed(found)) for way in ways)) > NO:
        return near
    relative = literal(likely[-1])
    if relative is None or relative.startswith("/") or not found.startswith("/"):
        return NO
    resolved = _trimmed(re.sub(r"^(?:\./)+|^\.$", "", relative))
    return POSSIBLE if not resolved or _trimmed(found).endswith(f"/{resolved}") else NO


def _trimmed(path: str) -> str:
    return path.rstrip("/") or "/"


def _path(pattern: Pattern) -> Pattern:
    """A pattern of a path without its last slash."""
    if pattern and pattern[-1] is not None and len(pattern[-1]) > 1:
        return (*pattern[:-1], pattern[-1].rstrip("/"))
    return pattern


def _workdir(written: WrittenInstruction, scope: Scope) -> Comparison:
    sure, likely = scope.whole(written.arguments)

    def compare(step: Instruction) -> int:
        exact = _match((sure, likely), step.arguments)
        return exact or _resolved([sure], [likely], step.arguments)

    return compare


def _assigning(written: WrittenInstruction, scope: Scope) -> Comparison:
    """ENV and LABEL: names and values as a dump without quotes, which is all that some builders keep."""
    patterns = _dump(written.arguments, scope.escape, scope.sure), _dump(written.arguments, scope.escape, scope.likely)

    def compare(step: Instruction) -> int:
        return _match(patterns, blank_free(" ".join(f"{name}={value}" for name, value in assignments(step))))

    return compare


def _dump(text: str, escape: str, lookup: Lookup) -> Pattern:
    words = [_blank_free(word) for word in expand(text, escape, lookup)]
    if words and (words[0][0] is None or "=" in words[0][0]):
        return joined(words, " ")
    # The old form, `ENV NAME value with blanks`.
    return merged([*(words[0] if words else ()), "=", *joined(words[1:], " ")])


def _blank_free(word: Pattern) -> Pattern:
    return tuple(piece if piece is None else re.sub(r"\s+", " ", piece) for piece in word)


def _arg(written: WrittenInstruction, scope: Scope) -> Comparison:
    words = expand(written.arguments, scope.escape, scope.likely)
    names = tuple((word[0] or "").partition("=")[0] for word in words if word)
    values = joined(words, " ")

    def compare(step: Instruction) -> int:
        found = assignments(step)
        if tuple(name for name, _ in found) != names:
            return NO
        recorded = " ".join(f"{name}={value}" if value else name for name, value in found)
        return EXACT if matches(values, recorded) else LIKELY

    return compare


def _value(written: WrittenInstruction, scope: Scope) -> Comparison:
    patterns = scope.whole(written.arguments)
    return lambda step: _match(patterns, blank_free(step.arguments))


def _literally(written: WrittenInstruction, scope: Scope) -> Comparison:
    del scope
    known = _keyword_free(written.arguments)
    return lambda step: EXACT if _keyword_free(step.arguments) == known else NO


def _keyword_free(text: str) -> str:
    """For ONBUILD and MAINTAINER: blanks, and how a keyword or a list is written, do not count."""
    keyword, _, rest = blank_free(text).partition(" ")
    words = json_words(rest)
    return f"{keyword.upper()} {' '.join(words) if words is not None else rest}"


def _command(written: WrittenInstruction, scope: Scope) -> Comparison:
    """CMD, ENTRYPOINT, SHELL: a list, or a text that the builder puts behind a shell."""
    del scope
    words, text = written.words, blank_free(written.arguments)

    def compare(step: Instruction) -> int:
        recorded = json_words(step.arguments)
        if words is not None:
            same = recorded == words or (recorded is None and step.arguments.split() == list(words))
            return EXACT if same else NO
        if recorded is None:
            return EXACT if blank_free(step.arguments) == text else NO
        return EXACT if recorded and blank_free(recorded[-1]) == text else NO

    return compare


def _healthcheck(written: WrittenInstruction, scope: Scope) -> Comparison:
    del scope
    known = _test(written.arguments)
    return lambda step: EXACT if _test(step.arguments) == known else NO


def _test(text: str) -> str:
    """What is run, without the durations, which builders write in other units."""
    keyword, _, rest = without_flags(text).partition(" ")
    words = json_words(rest.strip())
    return f"{keyword.upper()} {' '.join(words) if words is not None else blank_free(rest)}"


def _ports(written: WrittenInstruction, scope: Scope) -> Comparison:
    sure, likely = scope.words(written.arguments)
    known = [literal(word) for word in sure]
    guessed = [literal(word) for word in likely]

    def compare(step: Instruction) -> int:
        found = _port_set(step.arguments.split())
        if None not in known:
            return EXACT if _port_set(known) == found else NO
        if None not in guessed and _port_set(guessed) == found:
            return EXACT
        return LIKELY if _port_set(port for port in known if port) <= found else NO

    return compare


def _port_set(ports: Iterable[str | None]) -> frozenset[str]:
    """`80`, `8000-8002/udp` as single ports with their protocols."""
    found = set()
    for port in filter(None, ports):
        range_ = _PORT.fullmatch(port)
        if range_ is None:
            found.add(port)
            continue
        first, last = int(range_[1][:9]), int((range_[2] or range_[1])[:9])
        protocol = (range_[3] or "tcp").lower()
        found |= {f"{number}/{protocol}" for number in range(first, min(last, first + 1000) + 1)}
    return frozenset(found)


def _volumes(written: WrittenInstruction, scope: Scope) -> Comparison:
    words = written.words
    sure, likely = ([(word,) for word in words],) * 2 if words is not None else scope.words(written.arguments)

    def compare(step: Instruction) -> int:
        recorded = json_words(step.arguments)
        text = " ".join(recorded) if recorded is not None else blank_free(step.arguments)
        return _match((joined(list(sure), " "), joined(list(likely), " ")), text)

    return compare


def _match(patterns: tuple[Pattern, Pattern], text: str) -> int:
    """How `text` agrees with what an instruction surely and likely is."""
    sure, likely = patterns
    if not matches(sure, text):
        return NO
    if literal(sure) is not None or (literal(likely) is not None and matches(likely, text)):
        return EXACT
    return LIKELY if any(piece and piece.strip(" /=.") for piece in sure) else POSSIBLE


_COMPARISONS: dict[str, Callable[[WrittenInstruction, Scope], Comparison]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _command,
    "ENV": _assigning,
    "EXPOSE": _ports,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _assigning,
    "MAINTAINER": _literally,
    "ONBUILD": _literally,
    "RUN": _run,
    "SHELL": _command,
    "STOPSIGNAL": _value,
    "USER": _value,
    "VOLUME": _volumes,
    "WORKDIR": _workdir,
}
