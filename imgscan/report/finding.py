"""A finding: one rule that holds at one place, with the evidence for it. No secret is in it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from imgscan.evidence import Confidence, Validation


class Severity(StrEnum):
    """How bad; ordered, worst last in `list(Severity)`."""

    NONE = "none"
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for none to 5 for critical."""
        return _RANKS[self]

    # All four are written out: functools.total_ordering would leave those that `str` has, which order by letters.
    def __lt__(self, other: object) -> bool:
        return self.rank < other.rank if isinstance(other, Severity) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.rank <= other.rank if isinstance(other, Severity) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.rank > other.rank if isinstance(other, Severity) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.rank >= other.rank if isinstance(other, Severity) else NotImplemented


_NUMBERS = re.compile(r"/[0-9]+(?=/|\Z)")
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Family(StrEnum):
    """The part of a rule id before the slash."""

    ROOT_USER = "root-user"
    FILE_SECRET = "file-secret"
    ENV_SECRET = "env-secret"
    HISTORY_SECRET = "history-secret"
    LABEL_SECRET = "label-secret"
    CONFIG_SECRET = "config-secret"
    ATTESTATION_SECRET = "attestation-secret"
    SENSITIVE_FILE = "sensitive-file"
    BUILD_TOOL = "build-tool"
    SETUID_FILE = "setuid-file"
    ACCOUNT = "account"
    HEALTHCHECK = "healthcheck"
    IMAGE_HYGIENE = "image-hygiene"
    LAYER_ANOMALY = "layer-anomaly"
    CONTAINER = "container"
    POLICY = "policy"
    """What the user's policy demands of every image."""


class LocationKind(StrEnum):
    """What a location points into."""

    FILE = "file"
    HISTORY = "history"
    CONFIG = "config"
    ATTESTATION = "attestation"
    IMAGE = "image"
    CONTAINER = "container"


class Origin(StrEnum):
    """Whether a layer is the base image's or the image's own: a label, never a filter."""

    BASE = "base"
    OWN = "own"
    UNKNOWN = "unknown"


_Value = TypeVar("_Value")


def replaced(value: _Value, /, **changes: object) -> _Value:
    """dataclasses.replace for values with slots, without its checks: 2 us instead of 7, for thousands of findings."""
    new = object.__new__(type(value))
    for name in value.__slots__:  # type: ignore[attr-defined]
        object.__setattr__(new, name, changes[name] if name in changes else getattr(value, name))
    return new


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for, why it matters and what to do. `id` is `family/kind`."""

    id: str
    title: str
    severity: Severity
    explanation: str
    remediation: str

    @property
    def family(self) -> Family:
        return Family(self.id.partition("/")[0])


@dataclass(frozen=True, slots=True)
class Location:
    """Where a finding is; only the fields of its kind are set.

    `path` without leading slash; `layer` and `history` from 0; `line` from 1; `offset` in bytes from the
    file's first; `pointer` is an RFC 6901 JSON pointer into the config.
    """

    kind: LocationKind
    path: str | None = None
    inner_path: str | None = None
    layer: int | None = None
    line: int | None = None
    offset: int | None = None
    history: int | None = None
    pointer: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class FindingFate:
    """What became of the file version a finding is in: state `present|deleted|overwritten|rewritten`.

    `layer` and `instruction` are the ones that removed or replaced it, None for `present`.
    """

    state: str
    layer: int | None = None
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class AddedBy:
    """The step that brought something in; `history` and `instruction` are None where history does not match."""

    layer: int | None
    history: int | None
    instruction: str | None


@dataclass(frozen=True, slots=True)
class SecretSighting:
    """The secret of a finding, without the secret.

    `key` is the cache-local HMAC that groups equal secrets and never leaves the process; `id` is what reports show.
    `state` is that of its most alive sighting; `sightings` counts the findings that share it.
    `value` is set under --show-secrets alone.
    """

    kind: str
    redacted: str
    key: bytes = field(repr=False)
    name: str | None = None
    validation: Validation = Validation.NONE
    companion: str = ""
    """The other half of the credential, redacted: `access key ID AKIA...7QX2`."""
    id: str = ""
    sightings: int = 1
    state: str = "present"
    readable_by_user: bool | None = None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that holds at one place of an image."""

    rule: Rule
    location: Location
    message: str
    severity: Severity
    confidence: Confidence = Confidence.HIGH
    fate: FindingFate | None = None
    added_by: AddedBy | None = None
    origin: Origin = Origin.UNKNOWN
    secret: SecretSighting | None = None
    remediation: str = ""
    ordinal: int = 0
    """Tells findings apart that share rule, place and name: their order, from 0."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What the fingerprint is made of but for the ordinal."""
        place = self.location
        return (
            self.rule.id,
            # Blobs of an archive are called by their digests, which differ after each build; a variable or step
            # before this one moves its number in the config.
            (place.path if place.kind is not LocationKind.IMAGE else None)
            or (place.pointer and _NUMBERS.sub("/*", place.pointer))
            or str(place.kind),
            place.inner_path or "",
            (self.secret.name if self.secret else None) or place.name or "",
        )

    @property
    def fingerprint(self) -> str:
        """Identity over rebuilds: rule, place, name and ordinal; no secret material, no layer, no line."""
        return fingerprint_of(self.identity, self.ordinal)


def fingerprint_of(identity: tuple[str, ...], ordinal: int) -> str:
    """24 hexadecimal digits."""
    parts = (*identity, str(ordinal))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
