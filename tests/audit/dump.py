"""A state as facts that do not depend on the order in which things were done, nor on when."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from imgscan.audit.tasks import unpack_scan
from imgscan.layers.cache import encode_scan

QUERIES = {
    "tags": "SELECT registry, repositories.name, tags.name, target, tags.first_run, tags.last_run FROM tags"
    " JOIN repositories ON repositories.id = repository",
    "targets": "SELECT digest, kind, media_type FROM targets",
    "images": "SELECT digest, platform, image_id, created, chain, first_run, judged <> '', size, runs_as_root, user,"
    " secrets, secrets_deleted, build_tools, build_tool_bytes, dead_bytes, healthcheck, owner_label, suppressed,"
    " complete FROM images",
    "attestations": "SELECT images.digest, attestations.digest FROM attestations JOIN images ON images.id = image",
    "image_layers": "SELECT images.digest, position, layers.digest FROM image_layers"
    " JOIN images ON images.id = image JOIN layers ON layers.id = layer",
    "selection": "SELECT tags.name, target, images.digest FROM selection JOIN tags ON tags.id = tag"
    " JOIN images ON images.id = image",
    "scans": "SELECT digest, plan, state, diff_id, scans.size, members, code, message FROM scans"
    " JOIN layers ON layers.id = layer",
    "documents": "SELECT digest FROM documents",
    "secrets": "SELECT id, kind, name, redacted, validation, first_run FROM secrets",
    "findings": "SELECT fingerprint, rule, severity, message, path, pointer, layers.digest, state, secret,"
    " findings.first_run, images.digest FROM findings JOIN image_findings ON finding = findings.id"
    " JOIN images ON images.id = image LEFT JOIN layers ON layers.id = findings.layer",
    "problems": "SELECT digest, code, effect, message FROM image_problems JOIN images ON images.id = image",
    "unread": "SELECT kind, name, code, message FROM unread",
    "runs": "SELECT id, registry, selection, plan, finished IS NOT NULL, layers_fetched, bytes_fetched FROM runs",
    "lost": "SELECT id FROM findings WHERE id NOT IN (SELECT finding FROM image_findings)",
    "torn": "SELECT id FROM scans WHERE (state = 'done') <> (id IN (SELECT scan FROM scan_data))",
}


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All facts of a state, by table; the scans themselves too."""
    with closing(sqlite3.connect(path)) as connection:
        facts = {name: sorted(connection.execute(query), key=repr) for name, query in QUERIES.items()}
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        facts["data"] = sorted(_scans(connection, path))
    return facts


def _scans(connection: sqlite3.Connection, path: Path) -> list[tuple[object, ...]]:
    from imgscan.audit.state import State

    rows = connection.execute(
        "SELECT digest, plan, data FROM scan_data JOIN scans ON scans.id = scan JOIN layers ON layers.id = layer"
    ).fetchall()
    with closing(State.read(path, b"")) as state:
        return [
            (digest, hashlib.sha256(encode_scan(unpack_scan(state.seal(data, f"{digest} {plan}")))).hexdigest())
            for digest, plan, data in rows
        ]


def finished_layers(path: Path) -> set[str]:
    """Digests of the layers whose scans are there."""
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'scans'").fetchall():
            return set()
        query = "SELECT digest FROM scans JOIN layers ON layers.id = layer WHERE state = 'done'"
        return {digest for (digest,) in connection.execute(query)}
