"""Our own structural detectors, for forms that detect-secrets does not know."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import checks, nominators, placeholders
from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.judgement import EMBEDDED, PLACEHOLDER
from imgscan.secrets.private_keys import armoured_key
from imgscan.secrets.text import LINE_REACH, embedded
from imgscan.secrets.words import words


@dataclass(frozen=True, slots=True)
class TokenDetector:
    """A token with a fixed beginning. `pattern` is matched where a nomination may have begun and is linear there."""

    id: str
    kind: str
    nominators: tuple[Nominator, ...]
    pattern: re.Pattern[str]
    lead: int
    """Characters from the earliest beginning of a token to the end of its nomination."""
    check: Callable[[str], Validation] | None = None
    loose: bool = False
    version: int = 1
    before: int = LINE_REACH
    after: int = 1024

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """Tokens that cover the nominated place; the group `value` is the secret where there is one."""
        for match in self.pattern.finditer(window.data, max(0, window.at - self.lead), window.at + self.after):
            if match.start() >= window.at:
                break
            if match.end() < window.at:
                continue
            low, high = match.span("value" if "value" in self.pattern.groupindex else 0)
            value = window.data[low:high]
            validation = self.check(value) if self.check else Validation.NONE
            suppressed = PLACEHOLDER if placeholders.token_reason(value) else ""
            if not suppressed and self.loose and embedded(window.data, low, high):
                suppressed = EMBEDDED
            yield Candidate(
                kind=self.kind,
                start=low,
                end=high,
                value=value,
                name=match["name"] if "name" in self.pattern.groupindex else None,
                confidence=Confidence.MEDIUM if validation is Validation.CHECKSUM_WRONG else Confidence.HIGH,
                validation=validation,
                suppressed=suppressed,
            )


class MorePrivateKeysDetector:
    """Headers that detect-secrets does not know: PKCS#8 encrypted, ED25519, ANY, PuTTY's version 3."""

    id = "private-key"
    version = 1
    nominators = (
        Nominator("BEGIN (?:ENCRYPTED|ANY|ED25519|SM2|X25519|SSH2) PRIVATE KEY"),
        Nominator("PuTTY-User-Key-File-[13]"),
    )
    before = 64
    after = 64 << 10
    _header = re.compile(r"BEGIN (?:ENCRYPTED|ANY|ED25519|SM2|X25519|SSH2) PRIVATE KEY|PuTTY-User-Key-File-[13]")

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The key whose header is nominated."""
        for match in self._header.finditer(window.data, max(0, window.at - self.before), window.at):
            if match.end() == window.at:
                yield armoured_key(window.data, match.start(), match.end(), window.at + self.after)


_URL = re.compile(
    r"://(?P<user>[^\s/?#@:'\"<>]{0,100}):(?P<value>[^\s/?#@\x00-\x1f\x7f]{1,128})@(?=(?P<host>[\w\[$%{*.-]{1,64})|\Z)"
)
_USERS_OF_EXAMPLES = words(
    """
    user username usr login foo me myuser your_user youruser name id u
    """
)
_PASSWORDS_OF_EXAMPLES = words(
    """
    pass password passwd pwd pw secret p bar token pass123 mypass xxx x
    """
)


class UrlUserInfoDetector:
    """`scheme://user:password@host` (RFC 3986 section 3.2.1), also without a user and with unescaped punctuation."""

    id = "url-user-info"
    version = 1
    nominators = (nominators.URL_USER_INFO,)
    before = 256
    after = 64

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The password before the nominated `@`."""
        for match in _URL.finditer(window.data, max(0, window.at - 240), window.at + 65):
            if match.end() == window.at:
                yield url_candidate(match)


# RFC 2606 and RFC 6761: names that no one can own.
_HOSTS_OF_EXAMPLES = re.compile(r"(?:[\w.-]*\.)?(?:example(?:\.(?:com|net|org))?|invalid|test)\.?", re.IGNORECASE)


# What tests and manuals write for a password (`psw`, `key_1234`) is shorter or has no digit.
HARD_TO_GUESS = re.compile(r"(?=.{10})(?=.*\d)(?=.*[A-Za-z])(?!.*(?:abcd|1234|qwert|passw))", re.DOTALL | re.IGNORECASE)


def url_candidate(match: re.Match[str]) -> Candidate:
    """The candidate of a URL; examples from manuals (`user:password@`) are placeholders."""
    value, user = match["value"], match["user"].lower()
    example = user in _USERS_OF_EXAMPLES and value.lower() in _PASSWORDS_OF_EXAMPLES
    example = example or bool(_HOSTS_OF_EXAMPLES.fullmatch(match["host"] or ""))
    code = re.search(r"[{}()<>\"'`$,;|\\]", value) or re.search(r"[{}()<>$|]", user)
    return Candidate(
        kind="basic-auth",
        start=match.start("value"),
        end=match.end("value"),
        value=value,
        confidence=Confidence.MEDIUM if code or not HARD_TO_GUESS.match(value) else Confidence.HIGH,
        suppressed=PLACEHOLDER if example or placeholders.reason(value) or (code and _reads_as_code(value)) else "",
    )


def _reads_as_code(value: str) -> bool:
    return bool(re.search(r"[{}()<>\"`,|]|\$[A-Za-z{(]|'|\\", value))


class ServiceAccountDetector:
    """Google's service account keys: a JSON document round a private key."""

    id = "gcp-service-account"
    version = 1
    nominators = (Nominator('"private_key"[ \\t\\r\\n]{0,16}:[ \\t\\r\\n]{0,16}"-----BEGIN'),)
    before = 4096
    after = 64 << 10
    _type = re.compile(r'"type"\s{0,8}:\s{0,8}"service_account"')
    _key = re.compile(r'"private_key"\s{0,16}:\s{0,16}"(?P<value>[^"]{64,65536})"')

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The key of the document, if the document says that it is a service account's."""
        low = max(0, window.at - self.before)
        key = window.data.rfind('"private_key"', max(0, window.at - 64), window.at)
        match = self._key.match(window.data, key) if key >= 0 else None
        if match is None or not self._type.search(window.data, low, match.end() + 4096):
            return
        if checks.key_material(match["value"]) is None:
            return
        yield Candidate(
            kind="gcp-service-account",
            start=match.start("value"),
            end=match.end("value"),
            value=match["value"],
            name="private_key",
            validation=Validation.STRUCTURE_OK,
        )


class DockerAuthDetector:
    """`"auth": "..."` of a Docker client's config.json: base64 of `user:password`."""

    id = "docker-auth"
    version = 2
    nominators = (Nominator('"auth"[ \\t\\r\\n]{0,16}:[ \\t\\r\\n]{0,16}"[A-Za-z0-9+/=_-]{8}'),)
    before = 64
    after = 4096
    _auth = re.compile(r'"auth"\s{0,16}:\s{0,16}"(?P<value>[A-Za-z0-9+/=_-]{8,4000})"')

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """The nominated value, if it decodes to a user and a password."""
        key = window.data.rfind('"auth"', max(0, window.at - 54), window.at)
        match = self._auth.match(window.data, key) if key >= 0 else None
        if match is None:
            return ()
        value = match["value"]
        try:
            text = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_").decode()
        except ValueError:
            return ()
        user, colon, password = text.partition(":")
        if not (user and colon and password and text.isprintable()):
            return ()
        return (
            Candidate(
                kind="docker-auth",
                start=match.start("value"),
                end=match.end("value"),
                value=password.encode().decode("latin-1"),
                name=user,
                spelling=value,
                validation=Validation.STRUCTURE_OK,
                suppressed=PLACEHOLDER if placeholders.reason(password) else "",
            ),
        )


STRUCTURES: tuple[Detector, ...] = (
    TokenDetector(
        "github-fine-grained-token",
        "github-token",
        (Nominator("github_pat_[0-9A-Za-z_]{36}"),),
        re.compile(r"github_pat_[0-9A-Za-z_]{36,255}"),
        lead=47,
    ),
    TokenDetector(
        "npm-access-token",
        "npm-token",
        (Nominator("npm_[A-Za-z0-9]{36}"),),
        re.compile(r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
        lead=40,
        check=checks.base62_crc32,
    ),
    TokenDetector(
        "google-api-key",
        "google-api-key",
        (Nominator("AIza[0-9A-Za-z_-]{35}"),),
        re.compile(r"AIza[0-9A-Za-z_-]{35}"),
        lead=39,
        loose=True,
    ),
    TokenDetector(
        "openai-project-key",
        "openai-key",
        (nominators.OPENAI,),
        re.compile(r"sk-[A-Za-z0-9_-]{20,180}?T3BlbkFJ[A-Za-z0-9_-]{20,180}"),
        lead=220,
    ),
    TokenDetector(
        "aws-secret-access-key",
        "aws-secret-key",
        (nominators.AWS_SECRET_KEY,),
        re.compile(
            r"(?P<name>(?:aws_?)?secret_?(?:access_?)?key)[\"'\]]{0,2}\s{0,8}(?::=|=>|[=:])\s{0,8}[\"']?"
            r"(?P<value>[0-9A-Za-z/+]{40})(?![0-9A-Za-z/+=])",
            re.IGNORECASE,
        ),
        lead=112,
        after=48,
    ),
    MorePrivateKeysDetector(),
    UrlUserInfoDetector(),
    ServiceAccountDetector(),
    DockerAuthDetector(),
)
