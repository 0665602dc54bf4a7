"""Which images must be judged anew, and their judgements in the state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from datetime import date
from itertools import islice

from imgscan.audit.judging import FINDING, POSTURE, Judged, JudgeOrders, judge_image, unjudged
from imgscan.audit.listing import chains
from imgscan.audit.listing import moment as moment_of
from imgscan.audit.mapping import Tasks
from imgscan.audit.state import State

_BATCH = 64
_LINKS = "INSERT OR IGNORE INTO image_findings SELECT ?, id FROM findings WHERE identity = ?"


def to_judge(state: State, orders: JudgeOrders) -> list[tuple[int, str]]:
    """(image, basis) of the selected images whose scans, or whose judges, are not those of their last judgement.

    Neighbours share layers, so that whoever judges them in order has the scans at hand.
    """
    fingerprint = orders.fingerprint
    bases: dict[int, hashlib._Hash] = {}
    for image, scan in state.each(
        "SELECT image, coalesce(scans.id || ' ' || scans.state || ' ' || scans.message, '-') FROM image_layers"
        " LEFT JOIN scans ON scans.layer = image_layers.layer AND plan = ?"
        " WHERE image IN (SELECT image FROM selection) ORDER BY image, position",
        (orders.plan,),
    ):
        bases.setdefault(image, hashlib.sha256(fingerprint.encode())).update(f"{scan}\0".encode())
    for image, name in state.each(
        "SELECT image, digest FROM attestations WHERE image IN (SELECT image FROM selection) ORDER BY image, digest"
    ):
        bases.setdefault(image, hashlib.sha256(fingerprint.encode())).update(f"{name}\0".encode())
    for image, base in _bases(state):
        bases.setdefault(image, hashlib.sha256(fingerprint.encode())).update(f"{base}\0".encode())
    wanted = []
    for image, judged, created, platform in state.each(
        "SELECT id, judged, created, platform FROM images WHERE id IN (SELECT image FROM selection)"
        " ORDER BY (SELECT group_concat(layer) FROM image_layers WHERE image = id), id"
    ):
        digest = bases.get(image, hashlib.sha256(fingerprint.encode()))
        # A config that comes later than its image changes the platform.
        digest.update(f"{platform} {_age(created, orders.policy.today)}".encode())
        basis = digest.hexdigest()[:32]
        if basis != judged:
            wanted.append((image, basis))
    return wanted


def _bases(state: State) -> Iterator[tuple[int, str]]:
    """(image, chain) of the selected images and of what in the registry they begin with: one may come later."""
    known = {chain for (chain,) in state.each("SELECT DISTINCT chain FROM images")}
    for image, layers in state.each(
        "SELECT image, group_concat(digest, ' ') FROM (SELECT image, digest FROM image_layers"
        " JOIN layers ON layers.id = layer WHERE image IN (SELECT image FROM selection) ORDER BY image, position)"
        " GROUP BY image"
    ):
        for chain in chains(layers.split(" "))[:-1]:
            if chain in known:
                yield image, chain


def _age(created: str, today: date | None) -> str:
    """Whole years: what a judge says of an image's age changes with them alone, not from day to day."""
    moment = moment_of(created)
    return "" if moment is None or today is None else f"{max(0, (today - moment.date()).days) // 366}"


def reduce_images(
    state: State,
    run: int,
    now: str,
    images: Sequence[tuple[int, str]],
    *,
    tasks: Tasks,
    at_once: int,
    told: Callable[[int, int], None],
) -> None:
    """Have images judged, and keep what comes of it; `told` hears how many of how many are done."""
    done = 0
    rest = iter(images)
    running: dict[Future[Judged], tuple[int, str]] = {}
    while True:
        for image, basis in islice(rest, at_once * 2 - len(running)):
            running[tasks.submit(judge_image, image)] = image, basis
        if not running:
            return
        finished = wait(running, return_when="FIRST_COMPLETED").done
        with state.transaction():
            for future in finished:
                image, basis = running.pop(future)
                try:
                    judged = future.result()
                except Exception as error:  # whatever it is, it is one image's; the next run tries it again
                    judged, basis = unjudged(image, "not-judged", f"it could not be judged: {error}"), ""
                _keep(state, run, now, judged, basis=basis)
        done += len(finished)
        told(done, len(images))


def _keep(state: State, run: int, now: str, judged: Judged, *, basis: str) -> None:
    """Replace what was known of an image. Rules, secrets and findings are shared, and remember who saw them first."""
    state.do("DELETE FROM image_findings WHERE image = ?", (judged.image,))
    state.do("DELETE FROM image_problems WHERE image = ?", (judged.image,))
    state.many("INSERT OR REPLACE INTO rules VALUES (?, ?, ?, ?, ?)", {item.rule for item in judged.findings})
    secrets = dict.fromkeys(item.secret for item in judged.findings if item.secret is not None)
    state.many(
        "INSERT OR IGNORE INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?)", [(*secret, run, now) for secret in secrets]
    )
    state.many(_INSERT_FINDING, [(*item.finding, run, now) for item in judged.findings])
    state.many(_LINKS, [(judged.image, item.finding[0]) for item in judged.findings])
    state.many("INSERT INTO image_problems VALUES (?, ?, ?, ?, ?, ?)", _problems(judged))
    state.do(_UPDATE_IMAGE, (*judged.posture, basis, judged.image))


def _problems(judged: Judged) -> Iterator[tuple[object, ...]]:
    return ((judged.image, *problem) for problem in judged.problems)


# Names of columns of ours alone.
_INSERT_FINDING = "INSERT OR IGNORE INTO findings ({}) VALUES ({})".format(  # noqa: S608
    ", ".join(f'"{name}"' for name in (*FINDING, "first_run", "first_seen")), ", ".join("?" * (len(FINDING) + 2))
)
_UPDATE_IMAGE = "UPDATE images SET {} WHERE id = ?".format(", ".join(f"{name} = ?" for name in (*POSTURE, "judged")))  # noqa: S608
