"""What a policy demands of an image: budgets, bases, labels, a user. What is not met is a finding of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imgscan.errors import Problem
from imgscan.report.finding import Finding, Location, LocationKind, Rule, Severity

_WHY = "The policy of this project demands it; what does not meet it fails the run, whatever else is found."


def _rule(name: str, title: str, remediation: str) -> Rule:
    return Rule(f"policy/{name}", title, Severity.HIGH, _WHY, remediation)


SIZE = _rule(
    "image-size",
    "Image larger than its budget",
    "Leave out what the application does not need: a smaller base image, a multi-stage build, a .dockerignore.",
)
DEAD_BYTES = _rule(
    "dead-bytes",
    "More dead bytes than the budget allows",
    "Delete files in the instruction that makes them, use COPY --chown instead of chown, or copy the result into a "
    "new stage.",
)
BUILD_TOOLS = _rule(
    "build-tools",
    "More build tools than the budget allows",
    "Build in one stage and copy the result into another that has no compilers and package managers.",
)
BASE = _rule("base-image", "Base image that is not allowed", "Build from a base image that the policy allows.")
LABEL = _rule("label", "Required label missing", "Set it: LABEL NAME=VALUE, or docker build --label NAME=VALUE.")
USER = _rule("user", "Other user than the required one", "End the Dockerfile with a USER instruction that names it.")

REQUIREMENT_RULES = (SIZE, DEAD_BYTES, BUILD_TOOLS, BASE, LABEL, USER)


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is demanded; None and empty demand nothing. Sizes in bytes, bases are globs of references.

    A label is NAME, or NAME=GLOB for its value. `user` is `non-root`, or a name or uid.
    """

    max_size: int | None = None
    max_dead_bytes: int | None = None
    max_build_tools: int | None = None
    allowed_bases: tuple[str, ...] = ()
    forbidden_bases: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    user: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is asked of an image; None for what this run did not find out."""

    size: int | None
    dead_bytes: int | None
    build_tools: int | None
    base: str | None
    """The base image's reference."""
    labels: Mapping[str, str]
    user: str
    """As reports tell it."""
    user_name: str | None
    uid: int | None


Judged = Finding | Problem
"""What is not met, or could not be judged."""


def unmet(requirements: Requirements, facts: ImageFacts) -> Iterator[Judged]:
    """Each requirement that the image does not meet, and a problem for each that could not be judged."""
    budgets = (
        (SIZE, requirements.max_size, facts.size, "the image has {:,} bytes, {:,} are allowed"),
        (DEAD_BYTES, requirements.max_dead_bytes, facts.dead_bytes, "{:,} bytes are dead, {:,} are allowed"),
        (BUILD_TOOLS, requirements.max_build_tools, facts.build_tools, "{:,} build tools are in it, {:,} are allowed"),
    )
    for rule, allowed, found, told in budgets:
        if allowed is None:
            continue
        if found is None:
            yield _unjudged(rule, "this run did not look that far")
        elif found > allowed:
            yield _finding(rule, told.format(found, allowed))
    yield from _base(requirements, facts)
    yield from _labels(requirements, facts)
    yield from _user(requirements, facts)


def _base(requirements: Requirements, facts: ImageFacts) -> Iterator[Judged]:
    allowed, forbidden = requirements.allowed_bases, requirements.forbidden_bases
    if facts.base is None:
        if allowed:
            yield _finding(BASE, f"the base image is not known; allowed: {', '.join(allowed)}")
        elif forbidden:
            yield _unjudged(BASE, "the base image is not known; --base names it")
        return
    names = spellings(facts.base)
    against = next((glob for glob in forbidden if any(fnmatchcase(name, glob) for name in names)), None)
    if against is not None:
        yield _finding(BASE, f"the base image {facts.base} is forbidden by {against}")
    elif allowed and not any(fnmatchcase(name, glob) for name in names for glob in allowed):
        yield _finding(BASE, f"the base image is {facts.base}; allowed: {', '.join(allowed)}")


def spellings(reference: str) -> tuple[str, ...]:
    """The ways to write a reference that a glob may be meant for.

    Docker Hub's names have a long and a short form; a digest may stand behind the name and the tag; without a tag and
    a digest it is `latest`.
    """
    named, at, _ = reference.partition("@")
    tagged = at or ":" in reference.rpartition("/")[2]
    forms = (reference, named if at else "", "" if tagged else f"{reference}:latest")
    return tuple(dict.fromkeys(name for form in forms if form for name in _hub_spellings(form)))


def _hub_spellings(reference: str) -> tuple[str, ...]:
    names = [reference]
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/"):
        if reference.startswith(prefix):
            names.append(reference.removeprefix(prefix))
    first, slash, _ = reference.partition("/")
    if not slash:
        names.append(f"docker.io/library/{reference}")
    elif not re.search(r"[.:]|^localhost$", first):
        names.append(f"docker.io/{reference}")
    return tuple(dict.fromkeys(names))


def _labels(requirements: Requirements, facts: ImageFacts) -> Iterator[Judged]:
    for wanted in requirements.labels:
        name, equals, glob = wanted.partition("=")
        value = facts.labels.get(name)
        if value is None:
            yield _finding(LABEL, f"the label {name} is missing", name)
        elif equals and not fnmatchcase(value, glob):
            # Its value stays untold: nobody says that it is no secret.
            yield _finding(LABEL, f"the label {name} is there, but its value is not {glob}", name)
        elif not value.strip():
            yield _finding(LABEL, f"the label {name} is empty", name)


def _user(requirements: Requirements, facts: ImageFacts) -> Iterator[Judged]:
    wanted = requirements.user
    if not wanted:
        return
    if wanted == "non-root":
        if facts.uid == 0:
            yield _finding(USER, f"the image runs as {facts.user}, and must not run as root")
        elif facts.uid is None:
            yield _finding(USER, f"the image runs as {facts.user}, of whom nobody knows that it is not root")
    elif wanted not in (facts.user_name, None if facts.uid is None else str(facts.uid)):
        yield _finding(USER, f"the image runs as {facts.user}, and must run as {wanted}")


def _finding(rule: Rule, message: str, name: str | None = None) -> Finding:
    return Finding(rule, Location(LocationKind.IMAGE, name=name), message, rule.severity)


def _unjudged(rule: Rule, why: str) -> Problem:
    return Problem("requirement-not-judged", f"{rule.id} is demanded and could not be judged: {why}")
