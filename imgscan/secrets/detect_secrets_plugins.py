"""The 27 plugins of detect-secrets 1.5 as detectors: the only module that knows that package.

Used as a library of patterns: no settings, no filters, no transformers, no `verify` (it asks the network). Spans
come from the plugins' own compiled patterns, because what they call the secret is often a capture group (`ghp`).
Patterns run on a slice of one line; those with quadratic time are never given more than `LINE_REACH` characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.high_entropy_strings import (
    Base64HighEntropyString,
    HexHighEntropyString,
    HighEntropyStringsPlugin,
)
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.ip_public import IPPublicDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.keyword import (
    QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP,
    REGEX_BY_FILETYPE,
    KeywordDetector,
)
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector
from detect_secrets.util.filetype import determine_file_type

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import checks, nominators, placeholders
from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.detectors import PLUGINS_VERSION
from imgscan.secrets.judgement import EMBEDDED, PLACEHOLDER
from imgscan.secrets.keywords import KeywordPatterns, KeywordsDetector, grouped
from imgscan.secrets.private_keys import armoured_key
from imgscan.secrets.structures import HARD_TO_GUESS
from imgscan.secrets.text import LINE_REACH, embedded, line_bounds


@dataclass(frozen=True, slots=True)
class PluginDetector:
    """One plugin with a list of patterns. `lead` is how far before the nomination's end a match may begin."""

    plugin: type[RegexBasedDetector]
    kind: str
    nominators: tuple[Nominator, ...]
    lead: int
    group: int = 0
    """The group that covers the whole value; 0 for the whole match. Patterns without it use their last one."""
    tail: re.Pattern[str] | None = None
    """Extends a match to the token's real end where the pattern stops at its shortest length."""
    loose: bool = False
    """Random encoded data can look like it: a match inside a longer run of letters and digits is set aside."""
    check: Callable[[str], Validation] | None = None
    reach: int = LINE_REACH
    version: int = PLUGINS_VERSION
    before: int = LINE_REACH
    id: str = field(init=False)
    after: int = field(init=False)
    patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"detect-secrets/{self.plugin.__name__}")
        object.__setattr__(self, "after", self.reach)
        object.__setattr__(self, "patterns", tuple(self.plugin().denylist))

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """Every match of the plugin's patterns that covers the nominated place."""
        start, end = line_bounds(window.data, window.at, LINE_REACH, self.reach)
        line, at = window.data[start:end], window.at - start
        for pattern in self.patterns:
            for match in pattern.finditer(line, max(0, at - self.lead)):
                if match.start() >= at:
                    break
                if match.end() >= at:
                    yield self._candidate(line, match, start)

    def _candidate(self, line: str, match: re.Match[str], offset: int) -> Candidate:
        low, high = match.span(min(self.group, match.re.groups))
        if self.tail is not None and (more := self.tail.match(line, high)) is not None:
            high = more.end()
        value = line[low:high]
        validation = self.check(value) if self.check else Validation.NONE
        doubtful = validation is Validation.CHECKSUM_WRONG or (self.check is checks.aws_key_id and not validation)
        suppressed = PLACEHOLDER if placeholders.token_reason(value) else ""
        if not suppressed and self.loose and embedded(line, low, high):
            suppressed = EMBEDDED
        if self.kind == "basic-auth":
            doubtful = HARD_TO_GUESS.match(value) is None
            if min(value, default=" ") < " ":  # no URL has controls: a binary's bytes
                suppressed = suppressed or EMBEDDED
        return Candidate(
            kind=self.kind,
            start=low + offset,
            end=high + offset,
            value=value,
            confidence=Confidence.MEDIUM if doubtful or suppressed else Confidence.HIGH,
            validation=validation,
            suppressed=suppressed,
        )


class JwtDetector:
    """detect-secrets' JSON Web Tokens, matched where nominated (a search is quadratic), with their signature."""

    id = "detect-secrets/JwtTokenDetector"
    version = PLUGINS_VERSION
    # `{"x":1}` is the shortest object whose base64 begins so: ten characters.
    nominators = (Nominator("eyJ[A-Za-z0-9_=-]{7}"),)
    before = 16
    after = 8192
    _core = 10
    _signature = re.compile(r"\.?[A-Za-z0-9_=-]*")

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The token that begins with the nominated ten characters."""
        (pattern,) = JwtTokenDetector.denylist
        match = pattern.match(window.data, window.at - self._core, window.at + self.after)
        if window.at < self._core or match is None or not JwtTokenDetector.is_formally_valid(match[0]):
            return
        signature = self._signature.match(window.data, match.end())
        end = signature.end() if signature else match.end()
        value = window.data[match.start() : end].rstrip(".")
        validation = checks.json_web_token(value)
        yield Candidate(
            kind="jwt",
            start=match.start(),
            end=match.start() + len(value),
            value=value,
            confidence=Confidence.HIGH if validation is Validation.STRUCTURE_OK else Confidence.LOW,
            validation=validation,
        )


class NpmrcDetector:
    """detect-secrets' npm tokens, matched at the registry's URL (a search is quadratic), without what follows them."""

    id = "detect-secrets/NpmDetector"
    version = PLUGINS_VERSION
    nominators = (Nominator("/:_authToken="),)
    before = LINE_REACH
    after = LINE_REACH
    _core = len("/:_authToken=")
    _token = re.compile(r"[^\s\"'`,;&|<>\\]+")

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The token after the nominated key."""
        start, end = line_bounds(window.data, window.at)
        line, at = window.data[start:end], window.at - start
        (pattern,) = NpmDetector.denylist
        url = line.rfind("//", 0, max(0, at - self._core - 1))
        match = pattern.match(line, url) if url >= 0 else None
        if match is None or (token := self._token.match(line, match.start(1))) is None:
            return
        validation = checks.base62_crc32(token[0]) if token[0].startswith("npm_") else Validation.NONE
        yield Candidate(
            kind="npm-token",
            start=token.start() + start,
            end=token.end() + start,
            value=token[0],
            confidence=Confidence.MEDIUM if validation is Validation.CHECKSUM_WRONG else Confidence.HIGH,
            validation=validation,
            suppressed=PLACEHOLDER if placeholders.token_reason(token[0]) else "",
        )


class PrivateKeysDetector:
    """detect-secrets' private keys, each from its BEGIN to its END line."""

    id = "detect-secrets/PrivateKeyDetector"
    version = PLUGINS_VERSION
    nominators = (
        Nominator("BEGIN (?:(?:DSA|EC|OPENSSH|PGP|RSA|SSH2 ENCRYPTED) )?PRIVATE KEY"),
        Nominator("PuTTY-User-Key-File-2"),
    )
    before = 64
    after = 64 << 10

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The key whose header is nominated; suppressed where a header stands without key material."""
        low = max(0, window.at - self.before)
        for pattern in PrivateKeyDetector.denylist:
            for match in pattern.finditer(window.data, low, min(len(window.data), window.at + 16)):
                if match.start() < window.at <= match.end():
                    yield armoured_key(window.data, match.start(), match.end(), window.at + self.after)


@lru_cache(maxsize=64)
def keyword_patterns(filename: str) -> KeywordPatterns:
    """Those that the keyword detector uses for a file of this name."""
    return grouped(REGEX_BY_FILETYPE.get(determine_file_type(filename), QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP))


@dataclass(frozen=True, slots=True)
class EntropyDetector:
    """One entropy plugin over every quoted string; only under `--entropy`, it fires on every bundle of JavaScript."""

    plugin: HighEntropyStringsPlugin
    kind: str
    nominators: tuple[Nominator, ...]
    version: int = PLUGINS_VERSION
    before: int = 64
    after: int = LINE_REACH
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"detect-secrets/{type(self.plugin).__name__}")

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The quoted string that the nomination is the beginning of, if its entropy is above the plugin's limit."""
        start, end = line_bounds(window.data, window.at, self.before, self.after)
        line, at = window.data[start:end], window.at - start
        opening = max(line.rfind("'", 0, at), line.rfind('"', 0, at))
        match = self.plugin.regex.match(line, opening) if opening >= 0 else None
        if match is None or self.plugin.calculate_shannon_entropy(match[2]) <= self.plugin.entropy_limit:
            return
        low, high = match.span(2)
        doubt = PLACEHOLDER if placeholders.token_reason(match[2]) else ""
        yield Candidate(self.kind, low + start, high + start, match[2], confidence=Confidence.LOW, suppressed=doubt)


_KEY_CHARACTERS = re.compile(r"[A-Za-z0-9_-]{0,256}")
_LETTERS_AND_DIGITS = re.compile(r"[0-9A-Za-z]{0,256}")
_WORD_CHARACTERS = re.compile(r"[0-9A-Za-z_]{0,256}")


def _structural() -> tuple[Detector, ...]:
    return (
        PluginDetector(
            ArtifactoryDetector,
            "artifactory-credentials",
            (Nominator("AKC[a-zA-Z0-9]{10}"), Nominator("AP[0-9A-F][a-zA-Z0-9]{8}")),
            lead=14,
        ),
        PluginDetector(
            AWSKeyDetector,
            "aws-access-key",
            (
                Nominator("(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),
                Nominator("(?:key|pwd?|pass(?:word)?|token)[^\\n]{0,20}['\"][0-9a-zA-Z/+]{40}['\"]", caseless=True),
            ),
            lead=96,
            group=1,
            loose=True,
            check=checks.aws_key_id,
        ),
        PluginDetector(
            AzureStorageKeyDetector, "azure-storage-key", (Nominator("AccountKey=[a-zA-Z0-9+/=]{88}"),), lead=99
        ),
        PluginDetector(BasicAuthDetector, "basic-auth", (nominators.URL_USER_INFO,), lead=240, group=1),
        PluginDetector(
            CloudantDetector,
            "cloudant-credentials",
            (
                nominators.LONG_ASSIGNED,
                Nominator(
                    "(?:cloudant|clou|cl)[_-]?(?:api)?(?:key|pwd|pw|password|pass|token)[\"']?\\]? {0,16}"
                    "(?:=|:|:=|=>| |::) {0,16}[\"']?[a-z]{24}",
                    caseless=True,
                ),
                Nominator("://[a-z0-9_-]{1,100}:(?:[0-9a-f]{64}|[a-z]{24})@[a-z0-9_-]{1,64}\\.cloudant", caseless=True),
            ),
            lead=256,
            group=1,
        ),
        PluginDetector(
            DiscordBotTokenDetector,
            "discord-bot-token",
            (Nominator("\\.[a-zA-Z0-9_-]{6}\\.[a-zA-Z0-9_-]{27}"),),
            lead=61,
            loose=True,
        ),
        PluginDetector(
            GitHubTokenDetector,
            "github-token",
            (Nominator("gh[pousr]_[A-Za-z0-9_]{36}"),),
            lead=40,
            tail=_WORD_CHARACTERS,
            check=checks.base62_crc32,
        ),
        PluginDetector(
            GitLabTokenDetector,
            "gitlab-token",
            (
                Nominator("gl(?:pat|dt|ft|soat|rt)-[A-Za-z0-9_-]{20}"),
                Nominator("GR1348941[A-Za-z0-9_-]{20}"),
                Nominator("glcbt-[A-Za-z0-9_-]{20}"),
                Nominator("glimt-[A-Za-z0-9_-]{25}"),
                Nominator("glptt-[A-Za-z0-9_-]{40}"),
                Nominator("glagent-[A-Za-z0-9_-]{50}"),
                Nominator("gloas-[A-Za-z0-9_-]{64}"),
            ),
            lead=72,
            tail=_KEY_CHARACTERS,
            reach=1200,
        ),
        PluginDetector(IbmCloudIamDetector, "ibm-cloud-iam-key", (nominators.LONG_ASSIGNED,), lead=128, group=1),
        PluginDetector(IbmCosHmacDetector, "ibm-cos-hmac", (nominators.LONG_ASSIGNED,), lead=128, group=1),
        JwtDetector(),
        PluginDetector(MailchimpDetector, "mailchimp-key", (Nominator("[0-9a-z]{32}-us[0-9]"),), lead=36, loose=True),
        NpmrcDetector(),
        PluginDetector(
            OpenAIDetector,
            "openai-key",
            (nominators.OPENAI,),
            lead=256,
            tail=_KEY_CHARACTERS,
        ),
        PrivateKeysDetector(),
        PluginDetector(
            PypiTokenDetector,
            "pypi-token",
            (Nominator("pypi-(?:AgEIcHlwaS5vcmc|AgENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{70}"),),
            lead=100,
            reach=1200,
        ),
        PluginDetector(
            SendGridDetector,
            "sendgrid-key",
            (Nominator("SG\\.[a-zA-Z0-9_-]{22}\\.[a-zA-Z0-9_-]{43}"),),
            lead=69,
        ),
        PluginDetector(
            SlackDetector,
            "slack-token",
            (
                Nominator("xox[abposr]-[0-9]{1,32}-", caseless=True),
                Nominator("hooks\\.slack\\.com/services/T[a-z0-9_]", caseless=True),
            ),
            lead=40,
        ),
        PluginDetector(
            SoftlayerDetector,
            "softlayer-credentials",
            (
                nominators.LONG_ASSIGNED,
                Nominator("://api.softlayer.com/soap/v3(?:.1)?/[a-z0-9]{64}", caseless=True),
            ),
            lead=128,
            group=1,
        ),
        PluginDetector(
            SquareOAuthDetector, "square-oauth-secret", (Nominator("sq0csp-[0-9A-Za-z\\\\_-]{43}"),), lead=50
        ),
        PluginDetector(
            StripeDetector,
            "stripe-key",
            (Nominator("[rs]k_live_[0-9a-zA-Z]{24}"),),
            lead=32,
            tail=_LETTERS_AND_DIGITS,
        ),
        PluginDetector(
            TelegramBotTokenDetector,
            "telegram-bot-token",
            (Nominator("[0-9]{8}:[0-9A-Za-z_-]{35}"),),
            lead=46,
            loose=True,
        ),
        PluginDetector(TwilioKeyDetector, "twilio-key", (Nominator("(?:AC|SK)[a-z0-9]{32}"),), lead=34, loose=True),
        KeywordsDetector(keyword_patterns),
    )


def _statistical() -> tuple[Detector, ...]:
    return (
        EntropyDetector(
            Base64HighEntropyString(), "base64-entropy", (Nominator("['\"][A-Za-z0-9+/\\\\_=-]{23}"),), before=32
        ),
        # Three bits of entropy need more than eight different digits.
        EntropyDetector(HexHighEntropyString(), "hex-entropy", (Nominator("['\"][0-9a-fA-F]{9}"),), before=16),
        PluginDetector(
            IPPublicDetector,
            "public-ip",
            (Nominator("[0-9]\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]"),),
            lead=14,
            group=1,
        ),
    )


@lru_cache(maxsize=2)
def plugin_detectors(*, entropy: bool) -> tuple[Detector, ...]:
    """All plugins that may run over file contents; those for entropy and public addresses only where asked for."""
    return (*_structural(), *(_statistical() if entropy else ()))


def keyword_plugin() -> KeywordDetector:
    """The plugin itself, for whole lines: the oracle of the tests."""
    return KeywordDetector()
