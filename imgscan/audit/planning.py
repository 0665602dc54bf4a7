"""The plan step: ask the registry what it has, fetch what is not known of it, and choose what the run is about.

Tags are asked for anew by every run, as they move: one HEAD each. What a digest leads to is fetched once for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from typing import TypeVar

from imgscan.audit.discovery import Found, Registry, discover
from imgscan.audit.listing import (
    Tag,
    known_targets,
    put_found,
    put_tags,
    put_unread,
    select,
    wants_repository,
    wants_tag,
)
from imgscan.audit.state import State
from imgscan.audit.unread import unread
from imgscan.errors import Effect, ImageNotFound, SourceError, SourceUnavailable
from imgscan.report.audit import Selection, Unread
from imgscan.sources.registry.client import FetchedManifest
from imgscan.sources.registry.failures import NotOffered

AT_ONCE = 8
"""Requests under way: as many as browsers send to one host, give or take."""
_PATIENCE = 20
"""Requests in a row that found no registry, until it counts as gone: each has been tried several times by then."""
_BATCH = 500

T = TypeVar("T")
R = TypeVar("R")
Step = Callable[[str, int, int | None], None]
"""(what, done, total) of a step of the plan."""


@dataclass(slots=True)
class Planned:
    """What the plan step saw: the tags, and those that lead to no image."""

    tags: list[Tag] = field(default_factory=list)
    artifacts: int = 0


def plan_run(state: State, run: int, registry: Registry, selection: Selection, step: Step) -> Planned:
    """List, fetch and select. Raises the SourceError of a registry that cannot be asked at all."""
    return _Planning(state, run, registry, selection, step).plan()


class _Planning:
    def __init__(self, state: State, run: int, registry: Registry, selection: Selection, step: Step) -> None:
        self._state = state
        self._run = run
        self._registry = registry
        self._selection = selection
        self._step = step
        self._unreachable = 0
        self._listing = False
        """Whether names are the registry's own, not somebody's who counts on them."""

    def plan(self) -> Planned:
        pool = ThreadPoolExecutor(AT_ONCE, "imgscan-plan")
        try:
            repositories = sorted(set(self._repositories()))
            listed = self._listed(pool, repositories)
            heads = self._heads(pool, listed)
            planned = Planned(self._discovered(pool, heads))
        finally:
            # After Ctrl-C nobody waits for what was asked.
            pool.shutdown(wait=False, cancel_futures=True)
        put_tags(self._state, self._run, self._registry.registry, planned.tags)
        kinds = dict(self._state.each("SELECT digest, kind FROM targets"))
        planned.artifacts = sum(kinds.get(tag.target) == "artifact" for tag in planned.tags)
        select(self._state, self._selection, planned.tags)
        return planned

    def _repositories(self) -> Iterable[str]:
        """The names to look at: those given, else those of the registry's list that a glob means."""
        selection = self._selection
        if selection.named is not None:
            return [name for name in selection.named if wants_repository(selection, name)]
        if selection.repositories and not any(set(glob) & set("*?[") for glob in selection.repositories):
            return selection.repositories
        self._listing = True
        found = []
        try:
            for name in self._registry.repositories():
                found.append(name)
                self._step("listing repositories", len(found), None)
        except NotOffered as error:
            tip = "name the repositories: --repos-from FILE; or log in as somebody who may see the list"
            raise NotOffered(error.message, tip=tip) from error
        wanted = [name for name in found if wants_repository(selection, name)]
        # A mistyped word must not look like a clean team; `team` beside `team/*` need not be there.
        effect = Effect.NOTE if wanted else Effect.INCOMPLETE
        for glob in selection.repositories:
            if not any(fnmatchcase(name, glob) for name in wanted):
                self._tell(Unread("repository", glob, "not-found", "no repository has such a name", effect))
        return wanted

    def _listed(self, pool: ThreadPoolExecutor, repositories: list[str]) -> list[tuple[str, str]]:
        """(repository, tag) of all tags that are wanted."""
        listed: list[tuple[str, str]] = []
        answered = False
        for done, (repository, tags) in enumerate(self._each(pool, self._tags, repositories), 1):
            self._step("listing tags", done, len(repositories))
            if isinstance(tags, SourceUnavailable) and done == len(repositories) and not answered:
                raise tags  # nobody is there
            answered |= not isinstance(tags, SourceUnavailable)
            if isinstance(tags, SourceError):
                self._tell(unread("repository", repository, tags, self._effect(tags)))
            else:
                listed += [(repository, tag) for tag in sorted(tags) if wants_tag(self._selection, tag)]
        return listed

    def _tags(self, repository: str) -> list[str]:
        return list(self._registry.tags(repository))

    def _effect(self, error: SourceError) -> Effect:
        """A listed repository that its registry does not know is an empty one: its name outlives its tags."""
        emptied = isinstance(error, ImageNotFound) and "repository name not known" in error.message
        return Effect.NOTE if emptied and self._listing else Effect.INCOMPLETE

    def _heads(self, pool: ThreadPoolExecutor, listed: list[tuple[str, str]]) -> list[Tag]:
        """Where each tag leads; those that vanished since they were listed are told."""
        tags = []
        for done, ((repository, tag), target) in enumerate(self._each(pool, self._head, listed), 1):
            self._step("asking where tags lead", done, len(listed))
            name = f"{repository}:{tag}"
            if isinstance(target, ImageNotFound):
                self._tell(Unread("tag", name, "vanished", "it was listed, and then not there any more", Effect.NOTE))
            elif isinstance(target, SourceError):
                self._tell(unread("tag", name, target))
            else:
                tags.append(Tag(repository, tag, target))
        return tags

    def _head(self, where: tuple[str, str]) -> str:
        """A tag's digest; registries that do not state it are asked for the whole manifest."""
        repository, tag = where
        return self._registry.head(repository, tag).digest or self._registry.manifest(repository, tag).digest

    def _discovered(self, pool: ThreadPoolExecutor, tags: list[Tag]) -> list[Tag]:
        """Fetch what is not known of what tags lead to, each digest once; the tags as they are then."""
        known = known_targets(self._state)
        missing = {tag.target: tag for tag in reversed(tags) if tag.target not in known}
        moved: dict[str, str] = {}
        lost: set[str] = set()
        for done, (tag, found) in enumerate(self._each(pool, self._discover, missing.values()), 1):
            self._step("fetching manifests", done, len(missing))
            name = f"{tag.repository}:{tag.name}"
            if isinstance(found, ImageNotFound):
                self._tell(Unread("tag", name, "vanished", "its manifest was not there any more", Effect.NOTE))
            elif isinstance(found, SourceError):
                self._tell(unread("tag", name, found))
            else:
                put_found(self._state, self._run, found)
                moved[tag.target] = found.digest
                continue
            lost.add(tag.target)
        # Only the tag that was asked with has moved; others with its old target are asked by the next run.
        return [
            Tag(tag.repository, tag.name, moved.get(tag.target, tag.target)) for tag in tags if tag.target not in lost
        ]

    def _discover(self, tag: Tag) -> Found:
        return discover(self._registry, tag.repository, self._manifest(tag))

    def _manifest(self, tag: Tag) -> FetchedManifest:
        """What a tag leads to; where that was deleted meanwhile, because the tag has moved, what it leads to now."""
        try:
            return self._registry.manifest(tag.repository, tag.target)
        except ImageNotFound:
            return self._registry.manifest(tag.repository, tag.name)

    def _each(
        self, pool: ThreadPoolExecutor, ask: Callable[[T], R], items: Iterable[T]
    ) -> Iterator[tuple[T, R | SourceError]]:
        """What `ask` gives or raises for each item, in their order; a bounded number is under way."""
        waiting: deque[tuple[T, Future[R]]] = deque()
        rest = iter(items)
        while True:
            waiting.extend((item, pool.submit(ask, item)) for item in islice(rest, _BATCH - len(waiting)))
            if not waiting:
                return
            item, future = waiting.popleft()
            try:
                result: R | SourceError = future.result()
            except SourceError as error:
                result = error
            self._count(result)
            yield item, result

    def _count(self, result: object) -> None:
        """Give up on a registry that does not answer any more: sixty thousand tags would each wait for it."""
        if not isinstance(result, SourceUnavailable):
            self._unreachable = 0
            return
        self._unreachable += 1
        if self._unreachable >= _PATIENCE:
            raise result

    def _tell(self, item: Unread) -> None:
        put_unread(self._state, self._run, [item])
