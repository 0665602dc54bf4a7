"""The registry's content in the state: repositories, tags, what they lead to, and which of it a run is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from imgscan.audit.discovery import Found, FoundImage
from imgscan.audit.state import State
from imgscan.image.image import Platform
from imgscan.renderers.escapes import escape
from imgscan.report.audit import AuditPlan, Selection, Unread
from imgscan.sources.platforms import matches, parse_platform

DONE, FAILED, LEFT_OUT = "done", "failed", "left out"
"""States of a scan: failed ones are tried again by the next run, those left out only when asked to."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as the registry listed it, and what it leads to."""

    repository: str
    name: str
    target: str


def known_targets(state: State) -> set[str]:
    """Digests whose documents are in the state, so that nothing of them need be fetched."""
    return {digest for (digest,) in state.each("SELECT digest FROM targets WHERE kind <> 'partial'")}


def put_found(state: State, run: int, found: Found) -> None:
    """Keep what a digest leads to, in one transaction: targets that are known are known whole."""
    with state.transaction():
        for digest, data in found.documents.items():
            state.put_document(digest, data)
        state.do(
            "INSERT INTO targets VALUES (?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET kind = excluded.kind, media_type = excluded.media_type",
            (found.digest, found.kind if found.whole else "partial", found.media_type),
        )
        state.do("DELETE FROM target_problems WHERE target = ?", (found.digest,))
        state.many(
            "INSERT INTO target_problems VALUES (?, ?, ?, ?)",
            [(found.digest, problem.code, problem.effect, escape(problem.message)) for problem in found.problems],
        )
        for image in found.images:
            number = _put_image(state, run, image)
            state.do("INSERT OR IGNORE INTO target_images VALUES (?, ?)", (found.digest, number))


def _put_image(state: State, run: int, image: FoundImage) -> int:
    known = state.maybe("SELECT id FROM images WHERE digest = ?", (image.digest,))
    if known is None:
        number = state.do(
            "INSERT INTO images (digest, platform, image_id, created, chain, first_run) VALUES (?, ?, ?, ?, ?, ?)",
            (
                image.digest,
                image.platform,
                image.image_id,
                image.created,
                chains(layer.digest for layer in image.layers)[-1],
                run,
            ),
        )
        for position, layer in enumerate(image.layers):
            state.do(
                'INSERT OR IGNORE INTO layers (digest, media_type, size, "foreign", first_run) VALUES (?, ?, ?, ?, ?)',
                (layer.digest, layer.media_type, layer.size, layer.foreign, run),
            )
            state.do(
                "INSERT INTO image_layers SELECT ?, ?, id FROM layers WHERE digest = ?",
                (number, position, layer.digest),
            )
    else:
        (number,) = known
        # Its config may not have come the first time.
        state.do("UPDATE images SET platform = ?, created = ? WHERE id = ?", (image.platform, image.created, number))
    for digest, _ in image.attestations:
        state.do("INSERT OR IGNORE INTO attestations VALUES (?, ?)", (number, digest))
    return int(number)


def chains(layers: Iterable[str]) -> list[str]:
    """For each number of layers from 0 on, one word for so many of them: equal for what two images have in common."""
    digest = hashlib.sha256()
    words = [digest.hexdigest()[:32]]
    for layer in layers:
        digest.update(f"{layer} ".encode())
        words.append(digest.hexdigest()[:32])
    return words


def put_tags(state: State, run: int, registry: str, tags: Iterable[Tag]) -> None:
    """Note where tags lead in this run. Their targets are in the state."""
    with state.transaction():
        for tag in tags:
            state.do(
                "INSERT INTO repositories (registry, name, first_run, last_run) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (registry, name) DO UPDATE SET last_run = excluded.last_run",
                (registry, tag.repository, run, run),
            )
            state.do(
                "INSERT INTO tags (repository, name, target, first_run, last_run)"
                " SELECT id, ?, ?, ?, ? FROM repositories WHERE registry = ? AND name = ?"
                " ON CONFLICT (repository, name, target) DO UPDATE SET last_run = excluded.last_run",
                (tag.name, tag.target, run, run, registry, tag.repository),
            )


def wants_repository(selection: Selection, name: str) -> bool:
    """Whether one of the globs means a repository."""
    return not selection.repositories or any(fnmatchcase(name, glob) for glob in selection.repositories)


def wants_tag(selection: Selection, name: str) -> bool:
    return not selection.tags or any(fnmatchcase(name, glob) for glob in selection.tags)


def select(state: State, selection: Selection, tags: Iterable[Tag]) -> None:
    """Note which images of which tags the run is about, instead of those of the run before."""
    platform = parse_platform(selection.platform) if selection.platform else None
    since = moment(selection.since) if selection.since else None
    images: dict[str, list[tuple[int, datetime | None]]] = {}
    for target, number, of, created in state.each(
        "SELECT target, image, platform, created FROM target_images JOIN images ON images.id = image"
    ):
        if platform is None or matches(platform, _platform(of)):
            images.setdefault(target, []).append((number, moment(created)))
    by_repository: dict[str, list[tuple[Tag, list[tuple[int, datetime | None]]]]] = {}
    for tag in tags:
        found = [one for one in images.get(tag.target, ()) if since is None or (one[1] is not None and one[1] >= since)]
        if found:
            by_repository.setdefault(tag.repository, []).append((tag, found))
    chosen = [
        (selection.registry, tag.repository, tag.name, tag.target, number)
        for candidates in by_repository.values()
        for tag, found in _newest(candidates, selection.newest)
        for number, _ in found
    ]
    with state.transaction():
        state.do("DELETE FROM selection")
        state.many(
            "INSERT INTO selection SELECT tags.id, ?5 FROM tags JOIN repositories ON repositories.id = repository"
            " WHERE registry = ?1 AND repositories.name = ?2 AND tags.name = ?3 AND target = ?4",
            chosen,
        )


_Candidate = tuple[Tag, list[tuple[int, "datetime | None"]]]
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def _newest(candidates: list[_Candidate], count: int | None) -> list[_Candidate]:
    """The tags with the newest images; of equal ones the last by name, as versions go up."""
    if count is None:
        return candidates
    by_age = sorted(
        candidates,
        key=lambda one: (max(created or _LONG_AGO for _, created in one[1]), one[0].name),
        reverse=True,
    )
    return by_age[:count]


def _platform(text: str) -> Platform:
    """A platform as a config says it, whatever that is."""
    parts = (*text.split("/", 2), "", "")
    return Platform(parts[0], parts[1], parts[2])


def moment(text: str) -> datetime | None:
    """A time of an image's config; None where it is none. Without a zone it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def put_unread(state: State, run: int, items: Iterable[Unread]) -> None:
    """Note what the run could not read; once is enough of each kind of failure of a thing."""
    with state.transaction():
        state.many(
            "INSERT OR REPLACE INTO unread VALUES (?, ?, ?, ?, ?, ?)",
            [(run, item.kind, escape(item.name), item.code, item.effect, escape(item.message)) for item in items],
        )


def plan_of(state: State, plan: str, artifacts: int) -> AuditPlan:
    """What the selection asks for under the scan plan with that fingerprint."""
    (repositories, tags, images) = state.one(
        "SELECT count(DISTINCT repository), count(DISTINCT tag), count(DISTINCT image)"
        " FROM selection JOIN tags ON tags.id = tag"
    )
    (in_images,) = state.one("SELECT count(*) FROM image_layers WHERE image IN (SELECT image FROM selection)")
    counts = {
        (bool(foreign), scan): (count, size)
        for foreign, scan, count, size in state.each(
            "SELECT \"foreign\", coalesce(scans.state, ''), count(*), total(max(layers.size, 0)) FROM layers"
            " LEFT JOIN scans ON scans.layer = layers.id AND plan = ?"
            " WHERE layers.id IN (SELECT layer FROM selected_layers)"
            " GROUP BY 1, 2",
            (plan,),
        )
    }
    known, left_out = counts.get((False, DONE), (0, 0)), counts.get((False, LEFT_OUT), (0, 0))
    foreign_layers = sum(count for (foreign, _), (count, _) in counts.items() if foreign)
    own = [pair for (foreign, _), pair in counts.items() if not foreign]
    layers, size = sum(count for count, _ in own), sum(int(size) for _, size in own)
    return AuditPlan(
        repositories=repositories,
        tags=tags,
        images=images,
        artifacts=artifacts,
        layers=layers + foreign_layers,
        bytes=size,
        known_layers=known[0],
        known_bytes=int(known[1]),
        foreign_layers=foreign_layers,
        left_out=left_out[0],
        to_fetch=layers - known[0] - left_out[0],
        bytes_to_fetch=size - int(known[1]) - int(left_out[1]),
        image_layers=in_images,
    )
