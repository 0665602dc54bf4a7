"""The state as an AuditReport: for the images of the latest selection, joined and ordered worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from imgscan.audit.judging import FINDING
from imgscan.audit.listing import DONE, moment
from imgscan.audit.state import State
from imgscan.errors import Effect, Problem
from imgscan.evidence import Confidence, Validation
from imgscan.renderers.escapes import unescape
from imgscan.report import (
    AddedBy,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Origin,
    Policy,
    Rule,
    SecretSighting,
    Severity,
)
from imgscan.report.audit import (
    AuditedFinding,
    AuditedImage,
    AuditedLayer,
    AuditedSecret,
    AuditPlan,
    AuditReport,
    AuditRun,
    Selection,
    Unread,
)

_TAKE_OVER = (
    "UPDATE images SET first_run = ?1 WHERE first_run IN (SELECT id FROM runs WHERE finished IS NULL AND id < ?1)"
    " AND id IN (SELECT image FROM selection)",
    "UPDATE secrets SET first_run = ?1 WHERE first_run IN (SELECT id FROM runs WHERE finished IS NULL AND id < ?1)"
    " AND id IN (SELECT secret FROM findings JOIN image_findings ON finding = findings.id"
    " WHERE image IN (SELECT image FROM selection))",
    "UPDATE findings SET first_run = ?1 WHERE first_run IN (SELECT id FROM runs WHERE finished IS NULL AND id < ?1)"
    " AND id IN (SELECT finding FROM image_findings WHERE image IN (SELECT image FROM selection))",
)
_ALIVE = ("present", "rewritten", "overwritten", "deleted")
Row = dict[str, Any]


def previous_run(state: State, run: int) -> tuple[int, str]:
    """The last finished run of the same registry before this one: its id and when it began; (0, "") without one."""
    row = state.maybe(
        "SELECT id, started FROM runs WHERE id < ?1 AND finished IS NOT NULL"
        " AND registry = (SELECT registry FROM runs WHERE id = ?1) ORDER BY id DESC",
        (run,),
    )
    return (row[0], row[1]) if row is not None else (0, "")


def take_over(state: State, run: int) -> None:
    """Count what runs saw first that never ended, and so told nobody, as seen first by this one, which has told it."""
    for statement in _TAKE_OVER:
        state.do(statement, (run,))


def report_of(
    state: State, run: int, finished: str, *, selection: Selection, plan: AuditPlan, fingerprint: str, policy: Policy
) -> AuditReport:
    """The answers of a run that is `finished` now; `fingerprint` is the scan plan's."""
    return _Answers(state, run, finished, policy).report(selection, plan, fingerprint)


class _Answers:
    def __init__(self, state: State, run: int, finished: str, policy: Policy) -> None:
        self._state = state
        self._run = run
        self._finished = finished
        self._policy = policy
        self._previous, self._previously = previous_run(state, run)
        self._untold = {number for (number,) in state.each("SELECT id FROM runs WHERE finished IS NULL")}

    def report(self, selection: Selection, plan: AuditPlan, fingerprint: str) -> AuditReport:
        # There are a hundred links for each finding: the database gathers and counts them four times as fast.
        linked = {
            finding: [int(image) for image in images.split(",")]
            for finding, images in self._state.each(
                "SELECT finding, group_concat(image) FROM image_findings INDEXED BY image_findings_by_finding"
                " WHERE image IN (SELECT image FROM selection) GROUP BY finding"
            )
        }
        rows = {row["id"]: row for row in self._finding_rows() if row["id"] in linked}
        severities: dict[int, Counter[Severity]] = {}
        for image, severity, count in self._state.each(
            "SELECT image, severity, count(*) FROM image_findings JOIN findings ON findings.id = finding"
            " WHERE image IN (SELECT image FROM selection) GROUP BY image, severity"
        ):
            severities.setdefault(image, Counter())[Severity(severity)] = count
        numbers, images = self._images(selection.registry, severities)
        at = {number: index for index, number in enumerate(numbers)}
        findings = self._findings(rows, linked, at)
        secrets = self._secrets(findings, images)
        return AuditReport(
            selection=selection,
            run=self._run_row(),
            plan=plan,
            images=images,
            findings=findings,
            secrets=secrets,
            layers=self._layers(findings, images, fingerprint),
            unread=tuple(self._unread(fingerprint)),
            fail_on=self._policy.fail_on,
            failed=any(self._policy.fails(item.finding) for item in findings),
        )

    def _new(self, first_run: int) -> bool:
        return bool(self._previous) and (first_run > self._previous or first_run in self._untold)

    def _run_row(self) -> AuditRun:
        started, resumed, layers, size = self._state.one(
            "SELECT started, resumed, layers_fetched, bytes_fetched FROM runs WHERE id = ?",
            (self._run,),
        )
        return AuditRun(self._run, started, self._finished, self._previously, resumed, layers, size)

    # --- images

    def _images(
        self, registry: str, severities: dict[int, Counter[Severity]]
    ) -> tuple[list[int], tuple[AuditedImage, ...]]:
        """The selected images worst first: their ids, and what is known of them."""
        references: dict[int, list[tuple[str, str]]] = {}
        for image, repository, tag in self._state.each(
            "SELECT image, repositories.name, tags.name FROM selection JOIN tags ON tags.id = tag"
            " JOIN repositories ON repositories.id = repository ORDER BY 2, 3"
        ):
            references.setdefault(image, []).append((repository, tag))
        layers: dict[int, list[str]] = {}
        for image, digest in self._state.each(
            "SELECT image, digest FROM image_layers JOIN layers ON layers.id = layer"
            " WHERE image IN (SELECT image FROM selection) ORDER BY image, position"
        ):
            layers.setdefault(image, []).append(digest)
        problems = self._problems()
        found: list[tuple[int, AuditedImage]] = []
        for row in self._state.named("SELECT * FROM images WHERE id IN (SELECT image FROM selection)"):
            number = row["id"]
            counts = severities.get(number, Counter())
            found.append(
                (
                    number,
                    AuditedImage(
                        digest=row["digest"],
                        references=tuple(f"{registry}/{name}:{tag}" for name, tag in references[number]),
                        repositories=tuple(dict.fromkeys(name for name, _ in references[number])),
                        platform=row["platform"],
                        image_id=row["image_id"],
                        created=row["created"],
                        size=row["size"] or 0,
                        layers=tuple(layers.get(number, ())),
                        runs_as_root=bool(row["runs_as_root"]),
                        user=unescape(row["user"] or ""),
                        secrets=row["secrets"] or 0,
                        secrets_deleted=row["secrets_deleted"] or 0,
                        build_tools=row["build_tools"] or 0,
                        build_tool_bytes=row["build_tool_bytes"] or 0,
                        dead_bytes=row["dead_bytes"] or 0,
                        healthcheck=bool(row["healthcheck"]),
                        owner_label=None if row["owner_label"] is None else unescape(row["owner_label"]),
                        severities=tuple((level, counts[level]) for level in reversed(Severity) if counts[level]),
                        complete=bool(row["complete"]),
                        suppressed=row["suppressed"] or 0,
                        new=self._new(row["first_run"]),
                        problems=tuple(problems.get(number, ())),
                    ),
                )
            )
        found.sort(key=lambda pair: _worst_first(pair[1]))
        return [number for number, _ in found], tuple(image for _, image in found)

    def _problems(self) -> dict[int, list[Problem]]:
        """What was not read of images; oddities are left to `inspect`."""
        found: dict[int, list[Problem]] = {}
        for image, code, effect, message, path, layer in self._state.each(
            "SELECT image, code, effect, message, path, layer FROM image_problems"
            " WHERE effect <> 'note' AND image IN (SELECT image FROM selection) ORDER BY rowid"
        ):
            told = Problem(code, unescape(message), Effect(effect), None if path is None else unescape(path), layer)
            found.setdefault(image, []).append(told)
        return found

    # --- findings

    def _finding_rows(self) -> Iterable[Row]:
        return self._state.named(
            "SELECT findings.*, digest, title, rules.severity AS rule_severity, explanation,"
            " rules.remediation AS rule_remediation, secrets.kind AS secret_kind, secrets.name AS secret_name,"
            " redacted, validation FROM findings JOIN rules ON rules.id = rule"
            " LEFT JOIN layers ON layers.id = layer LEFT JOIN secrets ON secrets.id = secret"
        )

    def _findings(
        self, rows: dict[int, Row], linked: dict[int, list[int]], at: dict[int, int]
    ) -> tuple[AuditedFinding, ...]:
        found = [
            AuditedFinding(
                finding=_finding(row),
                layer=row["digest"],
                images=tuple(sorted(map(at.__getitem__, linked[number]))),
                first_seen=row["first_seen"],
                new=self._new(row["first_run"]),
            )
            for number, row in rows.items()
        ]
        return tuple(sorted(found, key=_finding_order))

    def _secrets(
        self, findings: tuple[AuditedFinding, ...], images: tuple[AuditedImage, ...]
    ) -> tuple[AuditedSecret, ...]:
        where: dict[str, list[int]] = {}
        for index, item in enumerate(findings):
            if item.finding.secret is not None:
                where.setdefault(item.finding.secret.id, []).append(index)
        seen = dict(self._state.each("SELECT id, first_run FROM secrets"))
        first = dict(self._state.each("SELECT id, first_seen FROM secrets"))
        found = []
        for identity, indexes in where.items():
            places = [findings[index] for index in indexes]
            secret = max(places, key=lambda place: place.finding.severity.rank).finding.secret
            assert secret is not None  # noqa: S101  # only such were collected
            carriers = tuple(sorted({image for place in places for image in place.images}))
            states = [place.finding.fate.state if place.finding.fate else "present" for place in places]
            found.append(
                AuditedSecret(
                    id=identity,
                    kind=secret.kind,
                    name=secret.name,
                    redacted=secret.redacted,
                    validation=str(secret.validation),
                    severity=max(place.finding.severity for place in places),
                    state=min(states, key=_ALIVE.index).replace("rewritten", "present"),
                    repositories=tuple(sorted({name for image in carriers for name in images[image].repositories})),
                    images=carriers,
                    layers=tuple(dict.fromkeys(place.layer for place in places if place.layer)),
                    findings=tuple(indexes),
                    first_seen=first[identity],
                    oldest_image=_oldest(images[image].created for image in carriers),
                    new=self._new(seen[identity]),
                )
            )
        return tuple(
            sorted(found, key=lambda one: (-one.severity.rank, _ALIVE.index(one.state), -len(one.images), one.findings))
        )

    # --- layers, and what was not read

    def _layers(
        self, findings: tuple[AuditedFinding, ...], images: tuple[AuditedImage, ...], fingerprint: str
    ) -> tuple[AuditedLayer, ...]:
        by_layer: dict[str, list[AuditedFinding]] = {}
        for item in findings:
            if item.layer is not None:
                by_layer.setdefault(item.layer, []).append(item)
        carriers: dict[str, list[int]] = {}
        for index, image in enumerate(images):
            for digest in dict.fromkeys(image.layers):
                carriers.setdefault(digest, []).append(index)
        known = {
            digest: (diff_id, size)
            for digest, diff_id, size in self._state.each(
                "SELECT digest, coalesce(diff_id, ''), layers.size FROM layers"
                " LEFT JOIN scans ON scans.layer = layers.id AND plan = ?",
                (fingerprint,),
            )
        }
        found = [
            AuditedLayer(
                digest=digest,
                diff_id=known[digest][0],
                size=known[digest][1],
                images=tuple(carriers.get(digest, ())),
                repositories=tuple(
                    sorted({name for image in carriers.get(digest, ()) for name in images[image].repositories})
                ),
                secrets=tuple(dict.fromkeys(item.finding.secret.id for item in items if item.finding.secret)),
                findings=len(items),
                worst=max(item.finding.severity for item in items),
            )
            for digest, items in by_layer.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.worst.rank, -len(one.secrets), -len(one.images), one.digest)))

    def _unread(self, fingerprint: str) -> Iterable[Unread]:
        for kind, name, code, message, effect in self._state.each(
            "SELECT kind, name, code, message, effect FROM unread WHERE run = ? ORDER BY kind, name, code", (self._run,)
        ):
            yield Unread(kind, name, code, message, Effect(effect))
        for target, code, message, effect in self._state.each(
            "SELECT DISTINCT target, code, message, effect FROM target_problems"
            " WHERE target IN (SELECT target FROM tags WHERE last_run = ?) ORDER BY target, code, message",
            (self._run,),
        ):
            yield Unread("manifest", target, code, message, Effect(effect))
        for digest, code, message in self._state.each(
            "SELECT digest, code, message FROM scans JOIN layers ON layers.id = layer WHERE plan = ? AND state <> ?"
            " AND layer IN (SELECT layer FROM selected_layers) ORDER BY digest",
            (fingerprint, DONE),
        ):
            yield Unread("layer", digest, code, message)


def _worst_first(image: AuditedImage) -> tuple[object, ...]:
    counts = dict(image.severities)
    return (*(-counts.get(level, 0) for level in reversed(Severity)), -image.secrets, image.references, image.digest)


def _finding_order(item: AuditedFinding) -> tuple[object, ...]:
    finding, place = item.finding, item.finding.location
    return (
        *(-finding.severity.rank, finding.secret is None, -len(item.images), finding.rule.id),
        *(place.path or place.pointer or "", place.line or 0, place.offset or 0, place.history or 0),
        *(item.layer or "", finding.fingerprint, finding.message, item.images),
    )


def _oldest(times: Iterable[str]) -> str:
    """The earliest of the times that images state; 1970 and such are no times (reproducible builds)."""
    known = [(when, text) for text in times if (when := moment(text)) is not None and when.year > 1990]
    return min(known)[1] if known else ""


def _finding(row: Row) -> Finding:
    told = {name: unescape(value) if isinstance(value := row[name], str) else value for name in FINDING}
    rule = Rule(row["rule"], row["title"], Severity(row["rule_severity"]), row["explanation"], row["rule_remediation"])
    secret = None
    if row["secret"] is not None:
        secret = SecretSighting(
            kind=row["secret_kind"],
            redacted=unescape(row["redacted"]),
            key=b"",
            name=None if row["secret_name"] is None else unescape(row["secret_name"]),
            validation=Validation(row["validation"]),
            id=row["secret"],
        )
    return Finding(
        rule=rule,
        location=Location(
            kind=LocationKind(row["kind"]),
            path=told["path"],
            inner_path=told["inner_path"],
            line=row["line"],
            offset=row["offset"],
            history=row["history"],
            pointer=told["pointer"],
            name=told["name"],
        ),
        message=told["message"],
        severity=Severity(row["severity"]),
        confidence=Confidence(row["confidence"]),
        fate=FindingFate(row["state"], None, told["ended_by"]) if row["state"] is not None else None,
        added_by=AddedBy(None, None, told["added_by"]) if row["added_by"] is not None else None,
        origin=Origin(row["origin"]),
        secret=secret,
        remediation=row["remediation"],
    )
