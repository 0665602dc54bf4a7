"""The tables of an audit's state, documented in docs/audit.md, and how older states become newer ones.

Digests are text as OCI writes them; times are RFC 3339 in UTC; sizes are in bytes. `first_run` and `last_run` are ids
of runs. Documents and scans are sealed (see `State.seal`): they hold strings of images as they were found.
"""

from __future__ import annotations

APPLICATION_ID = 0x696D6773
"""`imgs`, in the header of the file: tells our states from other databases (SQLite file format, 1.3.16)."""

_FIRST = """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    registry TEXT NOT NULL,
    selection TEXT NOT NULL,
    plan TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    resumed INTEGER NOT NULL DEFAULT 0,
    layers_fetched INTEGER NOT NULL DEFAULT 0,
    bytes_fetched INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    registry TEXT NOT NULL,
    name TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    last_run INTEGER NOT NULL,
    UNIQUE (registry, name)
);

CREATE TABLE targets (
    digest TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    media_type TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE target_problems (
    target TEXT NOT NULL REFERENCES targets (digest),
    code TEXT NOT NULL,
    effect TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX target_problems_by_target ON target_problems (target);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    target TEXT NOT NULL REFERENCES targets (digest),
    first_run INTEGER NOT NULL,
    last_run INTEGER NOT NULL,
    UNIQUE (repository, name, target)
);

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    image_id TEXT NOT NULL,
    created TEXT NOT NULL,
    chain TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    judged TEXT NOT NULL DEFAULT '',
    size INTEGER,
    runs_as_root INTEGER,
    user TEXT,
    secrets INTEGER,
    secrets_deleted INTEGER,
    build_tools INTEGER,
    build_tool_bytes INTEGER,
    dead_bytes INTEGER,
    healthcheck INTEGER,
    owner_label TEXT,
    suppressed INTEGER,
    complete INTEGER
);

CREATE INDEX images_by_chain ON images (chain);

CREATE TABLE target_images (
    target TEXT NOT NULL REFERENCES targets (digest),
    image INTEGER NOT NULL REFERENCES images (id),
    PRIMARY KEY (target, image)
) WITHOUT ROWID;

CREATE TABLE attestations (
    image INTEGER NOT NULL REFERENCES images (id),
    digest TEXT NOT NULL,
    PRIMARY KEY (image, digest)
) WITHOUT ROWID;

CREATE TABLE layers (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    "foreign" INTEGER NOT NULL,
    first_run INTEGER NOT NULL
);

CREATE TABLE image_layers (
    image INTEGER NOT NULL REFERENCES images (id),
    position INTEGER NOT NULL,
    layer INTEGER NOT NULL REFERENCES layers (id),
    PRIMARY KEY (image, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_by_layer ON image_layers (layer);

CREATE TABLE selection (
    tag INTEGER NOT NULL REFERENCES tags (id),
    image INTEGER NOT NULL REFERENCES images (id),
    PRIMARY KEY (tag, image)
) WITHOUT ROWID;
CREATE INDEX selection_by_image ON selection (image);

CREATE VIEW selected_layers AS
    SELECT DISTINCT layer FROM image_layers WHERE image IN (SELECT image FROM selection);

CREATE TABLE scans (
    id INTEGER PRIMARY KEY,
    layer INTEGER NOT NULL REFERENCES layers (id),
    plan TEXT NOT NULL,
    state TEXT NOT NULL,
    diff_id TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT 0,
    members INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    UNIQUE (layer, plan)
);

CREATE TABLE scan_data (
    scan INTEGER PRIMARY KEY REFERENCES scans (id),
    data BLOB NOT NULL
);

CREATE TABLE documents (
    digest TEXT PRIMARY KEY,
    data BLOB NOT NULL
);

CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    explanation TEXT NOT NULL,
    remediation TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT,
    redacted TEXT NOT NULL,
    validation TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    first_seen TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    rule TEXT NOT NULL REFERENCES rules (id),
    severity TEXT NOT NULL,
    confidence TEXT NOT NULL,
    origin TEXT NOT NULL,
    message TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind TEXT NOT NULL,
    layer INTEGER REFERENCES layers (id),
    path TEXT,
    inner_path TEXT,
    line INTEGER,
    "offset" INTEGER,
    history INTEGER,
    pointer TEXT,
    name TEXT,
    state TEXT,
    ended_by TEXT,
    added_by TEXT,
    secret TEXT REFERENCES secrets (id),
    remediation TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    first_seen TEXT NOT NULL
);
CREATE INDEX findings_by_secret ON findings (secret);
CREATE INDEX findings_by_layer ON findings (layer);

CREATE TABLE image_findings (
    image INTEGER NOT NULL REFERENCES images (id),
    finding INTEGER NOT NULL REFERENCES findings (id),
    PRIMARY KEY (image, finding)
) WITHOUT ROWID;
CREATE INDEX image_findings_by_finding ON image_findings (finding);

CREATE TABLE image_problems (
    image INTEGER NOT NULL REFERENCES images (id),
    code TEXT NOT NULL,
    effect TEXT NOT NULL,
    message TEXT NOT NULL,
    path TEXT,
    layer INTEGER
);
CREATE INDEX image_problems_by_image ON image_problems (image);

CREATE TABLE unread (
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    effect TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run, kind, name, code)
) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""Scripts in order; a state of version N (PRAGMA user_version) has had the first N of them. Never change one that was
released: add another."""
