"""All detectors, in one place: what a plan can name and a matcher can run.

Measured with Hyperscan 5.4 in block mode, one thread, all 320 nominators of this package without `entropy`, on real
files read into 8 MiB blocks, best of four; `without rules` are the detectors written in code alone:

    =========================  =====  =================  =============  ===================
    files                      MB     GB/s, all          without rules  nominations/100 MB
    =========================  =====  =================  =============  ===================
    Python and site-packages   315    0.81               1.11           3,400
    node_modules of 250 pkgs   315    0.73               0.96           3,100
    node_modules of npm        15     0.78               1.05           2,400
    =========================  =====  =================  =============  ===================

Compiling the nominators takes 1.2 s, once: the matcher keeps its database in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from imgscan.evidence import RuleSource
from imgscan.secrets.assignments import NamedSecretDetector
from imgscan.secrets.detector import Detector
from imgscan.secrets.env_lines import EnvLineDetector
from imgscan.secrets.formats.ansible_vault import AnsibleVaultDetector
from imgscan.secrets.formats.kubernetes import SecretManifestDetector
from imgscan.secrets.rules.compiled import builtin_rules
from imgscan.secrets.rules.detect import rule_detectors
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.plugins import plugins_of
from imgscan.secrets.structures import STRUCTURES

OWN: tuple[Detector, ...] = (
    *STRUCTURES,
    NamedSecretDetector(),
    EnvLineDetector(),
    SecretManifestDetector(),
    AnsibleVaultDetector(),
)

# By name, so that a plan can be made, and a cached scan found, without loading detect-secrets.
PLUGINS: tuple[str, ...] = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
    "KeywordDetector",
)
STATISTICAL_PLUGINS: tuple[str, ...] = ("Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector")
PLUGINS_VERSION = 1
"""Rises whenever a wrapped plugin would confirm equal bytes differently."""


def detectors(entropy: bool = False, rules: tuple[RuleSource, ...] = ()) -> tuple[Detector, ...]:
    """Every detector that runs over file contents, in a fixed order; with `entropy` also the statistical ones.

    `rules` are files of rules beside our own. The first call loads detect-secrets, which takes a tenth of a second.
    """
    from imgscan.secrets.detect_secrets_plugins import plugin_detectors  # noqa: PLC0415

    given = (*rule_detectors(load_rules(rules), "given"), *plugins_of(rules)) if rules else ()
    return (*OWN, *_builtin(), *plugin_detectors(entropy=entropy), *given)


@lru_cache(maxsize=1)
def _builtin() -> tuple[Detector, ...]:
    return rule_detectors(builtin_rules(), "rule")


def detector_ids(entropy: bool = False) -> tuple[str, ...]:
    """The identities of `detectors(entropy)`, each `id@version`, in the same order; loads nothing."""
    plugins = (*PLUGINS, *(STATISTICAL_PLUGINS if entropy else ()))
    return (
        *(f"{detector.id}@{detector.version}" for detector in (*OWN, *_builtin())),
        *(f"detect-secrets/{plugin}@{PLUGINS_VERSION}" for plugin in plugins),
    )


def detectors_named(identities: Iterable[str]) -> tuple[Detector, ...]:
    """The detectors with these identities (`id` or `id@version`), in the given order; KeyError for an unknown one."""
    known = detectors_by_id()
    return tuple(known[identity.partition("@")[0]] for identity in identities)


@lru_cache(maxsize=1)
def detectors_by_id() -> dict[str, Detector]:
    """All detectors, the statistical ones among them, by id."""
    return {detector.id: detector for detector in detectors(entropy=True)}
