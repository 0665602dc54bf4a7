"""What a report may show of secrets: equal ones under one id, and no string that holds one."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace

from imgscan.errors import Problem
from imgscan.report import AddedBy, Family, Finding, FindingFate, Location, SecretSighting, Tool
from imgscan.report.finding import replaced
from imgscan.report.report import ImageRow
from imgscan.secrets.redaction import Redactor

_ALIVE = ("present", "rewritten", "overwritten", "deleted")
"""States of a sighting, the most alive first."""
_PLACES = {
    Family.FILE_SECRET: "a file",
    Family.ENV_SECRET: "ENV",
    Family.HISTORY_SECRET: "the build history",
    Family.LABEL_SECRET: "a label",
    Family.CONFIG_SECRET: "the image's metadata",
    Family.ATTESTATION_SECRET: "an attestation",
}


class SecretGroups:
    """Equal secrets of one report: their ids, how often each was seen, and the most alive sighting's state."""

    def __init__(self, findings: Sequence[Finding], key: bytes, values: Mapping[bytes, str] | None) -> None:
        self._key = key
        self._values = values
        self._seen: dict[bytes, int] = {}
        self._state: dict[bytes, str] = {}
        self._families: dict[bytes, set[Family]] = {}
        for finding in findings:
            secret = finding.secret
            if secret is not None:
                self._seen[secret.key] = self._seen.get(secret.key, 0) + 1
                self._families.setdefault(secret.key, set()).add(finding.rule.family)
                known = self._state.get(secret.key, secret.state)
                self._state[secret.key] = min(known, secret.state, key=_ALIVE.index)

    @property
    def count(self) -> int:
        return len(self._seen)

    @property
    def deleted(self) -> int:
        """Secrets without a live sighting."""
        return sum(state not in ("present", "rewritten") for state in self._state.values())

    def elsewhere(self, secret: SecretSighting) -> str:
        """What to add to the advice where the value is in places of several kinds."""
        families = self._families.get(secret.key, ())
        if len(families) < 2:
            return ""
        named = [words for family, words in _PLACES.items() if family in families]
        return f" The same value is in {', '.join(named[:-1])} and {named[-1]}: removing one is not enough."

    def told(self, secret: SecretSighting, name: str | None) -> SecretSighting:
        """The sighting as the report tells it, under a redacted `name`."""
        # The report's own key comes last: without it, an id says nothing of a weak secret.
        identity = hmac.digest(self._key, secret.key, "sha256")[:12].hex()
        state = self._state.get(secret.key, secret.state)
        return replaced(
            secret,
            name=name,
            id=identity,
            sightings=self._seen.get(secret.key, 1),
            state="present" if state == "rewritten" else state,
            value=self._values.get(secret.key) if self._values is not None else None,
        )


class ReportRedaction:
    """Keeps every string of a report free of every secret that the run found. Equal strings are searched once."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[str, str] = {}
        self._fates: dict[FindingFate, FindingFate] = {}
        self._added: dict[AddedBy, AddedBy] = {}

    def text(self, text: str) -> str:
        redacted = self._known.get(text)
        if redacted is None:
            redacted = self._known[text] = self._redactor(text)
        return redacted

    def optional(self, text: str | None) -> str | None:
        return self.text(text) if text is not None else None

    def finding(self, finding: Finding, secrets: SecretGroups) -> Finding:
        fate, added, secret = finding.fate, finding.added_by, finding.secret
        return replaced(
            finding,
            message=self._message(finding),
            location=self._location(finding.location),
            fate=self._fate(fate) if fate is not None else None,
            added_by=self._added_by(added) if added is not None else None,
            secret=secrets.told(secret, self.optional(secret.name)) if secret is not None else None,
            remediation=finding.remediation + (secrets.elsewhere(secret) if secret is not None else ""),
        )

    def _location(self, place: Location) -> Location:
        old = (place.path, place.inner_path, place.pointer, place.name)
        new = tuple(self.optional(text) for text in old)
        return place if new == old else replace(place, path=new[0], inner_path=new[1], pointer=new[2], name=new[3])

    def _fate(self, fate: FindingFate) -> FindingFate:
        if fate not in self._fates:
            self._fates[fate] = replace(fate, instruction=self.optional(fate.instruction))
        return self._fates[fate]

    def _added_by(self, added: AddedBy) -> AddedBy:
        if added not in self._added:
            self._added[added] = replace(added, instruction=self.optional(added.instruction))
        return self._added[added]

    def _message(self, finding: Finding) -> str:
        """A secret's message is made of a few words of ours and of strings that are searched by themselves.

        Thousands of findings have messages of their own, but share their paths and names.
        """
        if finding.secret is None:
            return self.text(finding.message)
        message = finding.message
        place = finding.location
        for part in (place.path, place.inner_path, place.pointer, place.name, finding.secret.name):
            if part and (redacted := self.text(part)) != part:
                message = message.replace(part, redacted)
        return message

    def tool(self, tool: Tool) -> Tool:
        return replace(tool, path=self.text(tool.path), instruction=self.optional(tool.instruction))

    def problem(self, problem: Problem) -> Problem:
        return replace(problem, message=self.text(problem.message), path=self.optional(problem.path))

    def image(self, image: ImageRow) -> ImageRow:
        base = image.base
        return replace(
            image,
            base=base
            and replace(
                base,
                reference=self.optional(base.reference),
                digest=self.optional(base.digest),
                evidence=self.text(base.evidence),
            ),
            layers=tuple(replace(row, instruction=self.optional(row.instruction)) for row in image.layers),
            history=tuple(
                replace(
                    row,
                    created_by=self.text(row.created_by),
                    instruction=self.text(row.instruction),
                    build_args=tuple((name, self.text(value)) for name, value in row.build_args),
                )
                for row in image.history
            ),
        )
