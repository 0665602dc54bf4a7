"""Inspect one container: ask the engine, judge what it says, join it with the image. Nothing is executed in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_bytes
from typing import TypeVar

from imgscan.accounts import EffectiveUser, Row, resolve
from imgscan.errors import (
    ContainerNotFound,
    Effect,
    ImgscanError,
    Problem,
    SourceError,
    SourceUnavailable,
    UsageError,
)
from imgscan.image.image import ImageConfig
from imgscan.image.oci import config_from
from imgscan.layers.extractors.accounts import AccountsExtractor
from imgscan.overlay import Overlay
from imgscan.pipeline import CacheMode, Options, open_evidence
from imgscan.report import Policy
from imgscan.report.container import Change, ContainerReport, Process
from imgscan.runtime.changed_files import check_changes
from imgscan.runtime.checks import check
from imgscan.runtime.engine import ContainerEngine
from imgscan.runtime.facts import UNKNOWN_IMAGE, ContainerFacts, ExecSession
from imgscan.runtime.fields import Fields
from imgscan.runtime.files import read_small_file
from imgscan.runtime.judgement import Found, judge_container
from imgscan.runtime.secrets import secrets_of_settings
from imgscan.runtime.settings import Described, EngineSecurity, parse_container, parse_info
from imgscan.runtime.written import Written, is_program, written_since_start
from imgscan.sources.docker_engine import REFERENCE, connect
from imgscan.sources.engine_answers import plain
from imgscan.sources.engine_images import IMAGE_ID

_Answer = TypeVar("_Answer")
_MAX_EXECS = 100
_START_TIP = "start it, or judge what docker inspect NAME > inspect.json says there: imgscan container ./inspect.json"
_RIGHTS = 0o6000
"""The bits setuid and setgid."""
_NAME = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
"""The grammar of moby's names package, and of ids."""


def inspect_container(
    name: str, options: Options | None = None, environment: Mapping[str, str] | None = None
) -> ContainerReport:
    """Everything known of one container, by name or id, running or not.

    `Options.depth` says how far to look: CONFIG asks the engine for its settings alone, MEMBERS for the list of what it
    changed too, CONTENT reads that. `environment` is where DOCKER_HOST and its like are looked for.
    Raises ImgscanError where no result is possible: no engine, no such container, or one that vanishes meanwhile.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{plain(name)!r} is no container's name", tip="docker ps -a shows names and ids")
    options = options or Options()
    with _engine(options, environment) as engine:
        return _inspect(engine, name, options)


@contextmanager
def _engine(options: Options, environment: Mapping[str, str] | None) -> Iterator[ContainerEngine]:
    try:
        engine = connect(os.environ if environment is None else environment, options.timeout, ContainerEngine)
        try:
            yield engine
        finally:
            engine.close()
    except SourceUnavailable as error:  # the way on that images have is none for containers
        raise SourceUnavailable(error.message, tip=_START_TIP) from error


def _inspect(engine: ContainerEngine, name: str, options: Options) -> ContainerReport:
    key = token_bytes(32)
    revealed: dict[bytes, str] | None = {} if options.show_secrets else None
    refused = _Refused()
    security = refused.or_else(lambda: parse_info(engine.info()), EngineSecurity(), "its defaults are not known")
    described = parse_container(engine.container(name), security)
    described = replace(described, id=described.id or name)
    written = refused.or_else(
        lambda: written_since_start(engine, described, options, key, revealed),
        Written(),
        "what the container wrote was not read",
        Effect.INCOMPLETE,
    )
    facts = ContainerFacts(
        described,
        image=refused.or_else(lambda: _image(engine, described), UNKNOWN_IMAGE, "what the image sets is not known"),
        current_image_id=refused.or_else(lambda: _current_image(engine, described), "", ""),
        user=refused.or_else(
            lambda: _user(engine, described),
            resolve(described.settings.user, (), (), read=False),
            "names of users were not looked up",
        ),
        processes=_processes(engine, described),
        execs=_execs(engine, described),
        changes=written.changes,
    )
    unchanged, privileged, more = _comparison(written, described, options)
    findings = [
        *check(facts),
        *check_changes(
            written.changes, lambda change: change.path in unchanged, lambda change: change.path in privileged
        ),
    ]
    found = secrets_of_settings(facts, key, options.rules, entropy=options.entropy)
    problems = [*engine.problems, *refused.problems, *written.problems, *more]
    # What a file has of the image's bytes was not written by the container: `imgscan inspect` judges it.
    own = tuple(each for each in written.secrets.findings if each.location.path not in unchanged)
    outcome = Found(findings, (found, replace(written.secrets, findings=own)), problems, written.scan, key, revealed)
    return judge_container(facts, outcome, options)


class _Refused:
    """Answers that an engine refuses, or that a proxy in front of it does: each is told, and the rest is judged."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def or_else(
        self, ask: Callable[[], _Answer], without: _Answer, meaning: str, effect: Effect = Effect.NOTE
    ) -> _Answer:
        """The answer, or `without` and a problem that says what that means; one that is gone goes through."""
        try:
            return ask()
        except (SourceUnavailable, ContainerNotFound):
            raise
        except SourceError as error:
            if meaning:
                self.problems.append(Problem("refused", f"{error.message}; {meaning}", effect))
            return without


def _image(engine: ContainerEngine, described: Described) -> ImageConfig:
    config = engine.image_config(described.image_id) if described.image_id else {}
    return config_from({"config": dict(config)}, described.image_id)[0] if config else UNKNOWN_IMAGE


def _current_image(engine: ContainerEngine, described: Described) -> str:
    """The id that the container's image name means now; "" where it was started from an id, or the name is gone."""
    by_id = IMAGE_ID.fullmatch(described.image) or not described.image_id
    if by_id or not REFERENCE.fullmatch(described.image):
        return ""
    document = engine.inspect(described.image, None)
    found = document.get("Id") if document else None
    return found if isinstance(found, str) else ""


def _user(engine: ContainerEngine, described: Described) -> EffectiveUser:
    """The configured user, resolved through the accounts that the container has now."""
    users, groups = (_accounts(engine, described.id, path) for path in ("etc/passwd", "etc/group"))
    return resolve(described.settings.user, users or (), groups or (), read=users is not None)


def _accounts(engine: ContainerEngine, container_id: str, path: str) -> Sequence[Row] | None:
    data = read_small_file(engine, container_id, f"/{path}")
    try:
        return AccountsExtractor().extract(path, data) if data is not None else None
    except ValueError:  # more accounts than anybody has: the user stays unresolved
        return None


def _processes(engine: ContainerEngine, described: Described) -> tuple[Process, ...]:
    rows = engine.processes(described.id) if described.state.running else ()
    return tuple(
        Process(int(row[0]), int(row[1]), row[2])
        for row in rows
        if len(row) >= 3 and all(word.isascii() and word.isdigit() and len(word) <= 12 for word in row[:2])
    )


def _execs(engine: ContainerEngine, described: Described) -> tuple[ExecSession, ...]:
    sessions = (Fields(engine.exec_session(each)) for each in described.exec_ids[:_MAX_EXECS])
    running = (session.inner("ProcessConfig") for session in sessions if session.flag("Running"))
    return tuple(ExecSession(process.text("user"), process.flag("privileged")) for process in running)


def _comparison(written: Written, described: Described, options: Options) -> tuple[set[str], set[str], list[Problem]]:
    """Modified files with the image's own bytes, changed in owner, mode or time alone; and those with its rights.

    Only where programs or files with secrets are modified is the image read, from the cache if it is there.
    """
    secret = {finding.location.path for finding in written.secrets.findings}
    modified = [
        change
        for change in written.changes
        if change.kind == "modified" and (is_program(change) or change.path in secret)
    ]
    if not modified or written.scan is None:
        return set(), set(), []
    looking = replace(options, policy=Policy(families=("file-secret",)), show_secrets=False)
    if options.show_secrets:
        looking = replace(looking, cache=CacheMode.OFF)
    try:
        with open_evidence(f"docker:{described.image_id}", looking) as (evidences, _, _):
            before = evidences[0].overlay
    except ImgscanError as error:
        message = f"changed files were not compared with the image's: {error.message}"
        return set(), set(), [Problem("no-comparison", message)]
    after = Overlay([written.scan])
    unchanged = {change.path for change in modified if _same_bytes(change, before, after)}
    return unchanged, {change.path for change in modified if _same_rights(change, before)}, []


def _same_bytes(change: Change, before: Overlay, after: Overlay) -> bool:
    old, new = before.resolve(change.path), after.resolve(change.path)
    if old is None or new is None:
        return False
    return (old.member.size, old.member.checksum) == (new.member.size, new.member.checksum)


def _same_rights(change: Change, before: Overlay) -> bool:
    """Whether the image gives the program to the same owner, with each setuid and setgid bit that it has now."""
    old = before.resolve(change.path)
    gained = (change.mode or 0) & _RIGHTS
    return old is not None and old.member.uid == change.uid and old.member.mode & gained == gained
