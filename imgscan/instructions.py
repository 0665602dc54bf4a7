"""The commands that a RUN step ran, taken apart as a shell would: programs with their words, not text to search.

`echo apt-get update` runs echo. What a heredoc feeds to cat is data; what it feeds to a shell is commands. Programs
that only start another one (sudo, env, timeout, ...) are seen through, and texts given to a shell are read too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile
from posixpath import basename

from imgscan.image.image import HistoryStep
from imgscan.secrets.commands import Word, shell_words

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})
_MAX_DEPTH, _MAX_WRAPPERS, _LONGEST_PIPE = 3, 8, 32
MAX_COMMANDS = 5_000
"""Commands of one step that are read; the longest RUN of an official image has about 200."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_RESERVED = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "}", "time"})
# Wrapper -> its options that take a value; what follows those is the command it starts.
_WRAPPERS = {
    "sudo": frozenset({"-u", "-g", "-h", "-p", "-C", "-T", "--user", "--group"}),
    "doas": frozenset({"-u", "-C"}),
    "env": frozenset({"-u", "-C", "-S"}),
    "exec": frozenset({"-a"}),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "timeout": frozenset({"-s", "-k"}),
    "xargs": frozenset({"-n", "-I", "-P", "-L", "-d", "-E", "-s", "-a"}),
    **dict.fromkeys(("command", "builtin", "nohup", "time", "eatmydata", "unbuffer", "setsid"), frozenset[str]()),
}
_OPERANDS = {"timeout": 1}
_WINDOWS = re.compile(r"(?:.*[\\/])?(?:cmd|powershell|pwsh)(?:\.exe)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One simple command. `program` is its name without directories; `words` are what follows, quotes removed.

    `pipeline` is shared by the commands that `|` joins, `position` the place within, from 0. `assigned` are the
    assignments before it, `redirected` tells that its output goes to a file. `within` names the shell, `eval` or
    `source` that runs what this command prints (`sh -c "$(curl ...)"`, `bash <(curl ...)`), else empty.
    """

    program: str
    words: tuple[str, ...]
    pipeline: int
    position: int
    path: str = ""
    """The program as written, with its directories."""
    assigned: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()
    redirected: bool = False
    within: str = ""

    @property
    def operands(self) -> tuple[str, ...]:
        """The words that are no options; values of options are among them."""
        return tuple(word for word in self.words if not word.startswith("-"))

    def has(self, *options: str) -> bool:
        """Whether one of these options is there: `--name` also as `--name=value`, `-x` also in a bundle `-axy`."""
        for word in self.words:
            for option in options:
                if word == option or (option.startswith("--") and word.startswith(option + "=")):
                    return True
                if len(option) == 2 and option[0] == "-" and re.fullmatch(r"-[A-Za-z]+", word) and option[1] in word:
                    return True
        return False


def commands(step: HistoryStep) -> tuple[Command, ...]:
    """What a RUN step ran, in order; nothing for other steps, for Windows shells, and where no text is recorded."""
    instruction = step.instruction
    if instruction.keyword != "RUN" or not instruction.recorded:
        return ()
    if instruction.shell and _WINDOWS.fullmatch(instruction.shell[0]):
        return ()
    text = re.sub(r"\A(?:--[a-z]+=\S+\s+)+", "", instruction.arguments)
    reader = _Reader()
    words = _exec_form(text)
    if words:
        reader.simple([Word(word, 0, 0) for word in words], "", redirected=False)
    else:
        reader.read(text, 0, "")
    return tuple(reader.found)


def pipelines(ran: Iterable[Command]) -> list[list[Command]]:
    """Commands by what `|` joins, in order; of an endless pipe the first are enough."""
    joined: dict[int, list[Command]] = {}
    for command in ran:
        known = joined.setdefault(command.pipeline, [])
        if len(known) < _LONGEST_PIPE:
            known.append(command)
    return list(joined.values())


def _exec_form(text: str) -> list[str]:
    """The words of `RUN ["apt-get", "update"]`, as builders that keep the user's text record it."""
    if not text.startswith("["):
        return []
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else []


class _Reader:
    def __init__(self) -> None:
        self.found: list[Command] = []
        self._pipeline = 0
        self._position = 0
        self._depth = 0

    def read(self, text: str, depth: int, within: str) -> None:
        """The commands of a text; `within` names what runs their output."""
        if depth > _MAX_DEPTH:
            return
        self._depth = depth
        simple: list[Word] = []
        # Each open bracket: the command that was being read, and who runs the output of what is inside.
        open_commands: list[tuple[list[Word], str, str]] = []
        redirected, target, heredocs = False, "", _Heredocs(text)
        for word in shell_words(text):
            if len(self.found) >= MAX_COMMANDS:
                return
            if heredocs.skips(word):
                continue
            if not word.operator:
                if heredocs.takes(word):
                    pass
                elif target:
                    redirected = redirected or (target in {">", ">>", "1>", "1>>"} and word.text != "/dev/null")
                    target = ""
                elif word.text == "$":
                    pass  # of an unquoted $(...)
                else:
                    simple.append(word)
                continue
            operator = word.text.lstrip("0123456789")
            if operator.startswith("<<") and operator != "<<<":
                heredocs.open(dash=operator == "<<-", feeds_shell=_runs_input(simple))
            elif operator == "(":
                open_commands.append((simple, within, _runner(simple) or within))
                within, simple, target = open_commands[-1][2], [], ""
            elif operator[:1] in {"<", ">"}:
                target = "" if "&" in operator else word.text
            else:
                inside = bool(simple)
                self._end(simple, within, redirected=redirected, piped=operator == "|")
                simple, redirected, target = [], False, ""
                if operator == ")" and open_commands:
                    simple, within, _ = open_commands.pop()
                    if not inside and len(simple) == 1:
                        simple = []  # `name()` defines a function, whose body follows
                if operator == "\n":
                    for body in heredocs.bodies(word.end):
                        self.read(body, depth + 1, within)
                        self._depth = depth
        self._end(simple, within, redirected=redirected, piped=False)

    def _end(self, words: list[Word], within: str, *, redirected: bool, piped: bool) -> None:
        if words:
            self.simple(words, within, redirected=redirected)
        if piped:
            self._position += 1
        else:
            self._pipeline += 1
            self._position = 0

    def simple(self, words: Sequence[Word], within: str, *, redirected: bool) -> None:
        """One command, and the text it gives to a shell."""
        texts = list(dropwhile(_RESERVED.__contains__, (word.text for word in words)))
        found = Command("", (), self._pipeline, self._position, redirected=redirected, within=within)
        found, texts = _assignments(found, texts)
        for _ in range(_MAX_WRAPPERS):
            if not texts or basename(texts[0]) not in _WRAPPERS:
                break
            wrapper = basename(texts[0])
            found = replace(found, wrappers=(*found.wrappers, wrapper))
            found, texts = _assignments(found, _started(wrapper, texts[1:]))
        if not texts:
            if found.wrappers or found.assigned:
                self.found.append(found)
            return
        program = basename(texts[0])
        self.found.append(replace(found, program=program, path=texts[0], words=tuple(texts[1:])))
        depth, pipeline, position = self._depth, self._pipeline, self._position
        for text, runner in _inner_texts(program, texts[1:]):
            self._pipeline += 1
            self._position = 0
            self.read(text, depth + 1, runner)
        self._depth, self._position = depth, position
        if self._pipeline != pipeline:
            self._pipeline += 1


def _assignments(found: Command, texts: list[str]) -> tuple[Command, list[str]]:
    count = 0
    while count < len(texts) and _ASSIGNMENT.match(texts[count]):
        count += 1
    return replace(found, assigned=(*found.assigned, *texts[:count])), texts[count:]


def _started(wrapper: str, texts: list[str]) -> list[str]:
    """The command line that a wrapper starts."""
    at = 0
    while at < len(texts) and texts[at].startswith("-"):
        if texts[at] == "--":
            at += 1
            break
        at += 2 if texts[at] in _WRAPPERS[wrapper] else 1
    return texts[at + _OPERANDS.get(wrapper, 0) :]


def _inner_texts(program: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(text, who runs its output) of what a command gives to a shell: `sh -c TEXT`, `eval TEXT`, "$(TEXT)"."""
    script = _script(texts) if program in SHELLS else " ".join(texts) if program == "eval" else ""
    if script:
        substituted = re.match(r"\s*(?:\$\(|`)", script)
        yield script, program if substituted else ""
    if program in SHELLS or program == "eval":
        return
    for text in texts:
        for inner in re.finditer(r"\$\(([^()]{1,4000})\)", text):
            yield inner[1], ""


def _script(texts: Sequence[str]) -> str:
    for index, text in enumerate(texts):
        if re.fullmatch(r"-[A-Za-z]*c[A-Za-z]*", text):
            return texts[index + 1] if index + 1 < len(texts) else ""
        if not text.startswith(("-", "+")):
            return ""
    return ""


def _runner(words: Sequence[Word]) -> str:
    """The program that runs the file it is given, if these words begin a command of one: `bash <(...)`."""
    texts = list(dropwhile(_goes_before, (word.text for word in words)))
    name = basename(texts[0]) if texts else ""
    runs = name in SHELLS or name in {"source", "."}
    return name if runs and not any(not text.startswith("-") for text in texts[1:]) else ""


def _goes_before(text: str) -> bool:
    """Whether a word comes before the program's own name."""
    return text in _RESERVED or basename(text) in _WRAPPERS or _ASSIGNMENT.match(text) is not None


def _runs_input(words: Sequence[Word]) -> bool:
    return _runner(words) in SHELLS


class _Heredocs:
    """Bodies of heredocs, which stand behind the line that opens them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._waiting: list[tuple[str, bool, bool]] = []
        self._opening: tuple[bool, bool] | None = None
        self._resume = 0

    def open(self, *, dash: bool, feeds_shell: bool) -> None:
        self._opening = (dash, feeds_shell)

    def takes(self, word: Word) -> bool:
        """Whether a word is the delimiter that an operator waits for."""
        if self._opening is None:
            return False
        self._waiting.append((word.text, *self._opening))
        self._opening = None
        return True

    def skips(self, word: Word) -> bool:
        return word.start < self._resume

    def bodies(self, start: int) -> Iterator[str]:
        """What is given to shells; called at the end of the opening line, it has all bodies skipped."""
        for delimiter, dash, feeds_shell in self._waiting:
            tabs = r"\t*" if dash else ""
            end = re.compile(rf"^{tabs}{re.escape(delimiter)}$", re.MULTILINE).search(self._text, start)
            stop = end.start() if end else len(self._text)
            if feeds_shell:
                yield self._text[start:stop]
            start = end.end() if end else len(self._text)
        if self._waiting:
            self._resume = start
            self._waiting = []
