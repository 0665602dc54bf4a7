"""The catalogue of secrets: every kind a candidate can have, in report order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Literal

from imgscan.evidence import RuleSource
from imgscan.secrets.rules.compiled import builtin_rules
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.plugins import plugins_of
from imgscan.secrets.rules.rule import SecretRule


class Precision(IntEnum):
    """How much a kind says of a value. Where candidates overlap, the more precise one stays."""

    ENTROPY = 0
    NAME = 1
    PLACE = 2
    """Its place gives it away, its form does not: the password of a URL."""
    FILE = 3
    """A file of a known form says what it is: a password in .netrc."""
    TOKEN = 4
    DOCUMENT = 5
    """A document that holds other secrets: a service account with its key."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret. `id` is the part of a rule id after the slash and never changes."""

    id: str
    title: str
    severity: Literal["critical", "high", "medium", "low"]
    """The value of the report's `Severity`: a known structure is critical, a name or entropy alone high."""
    remediation: str
    precision: Precision = Precision.TOKEN


def _token(kind: str, title: str, revoke: str) -> Kind:
    return Kind(kind, title, "critical", f"{revoke} {_KEEP_OUT}")


_KEEP_OUT = (
    "Then keep it out of the build: pass it with RUN --mount=type=secret, or give it to the container when it starts. "
    "Deleting it in a later layer does not remove it."
)

_OF_CODE: tuple[Kind, ...] = (
    _token("aws-access-key", "AWS access key", "Deactivate the access key in IAM and review what it was used for."),
    _token("aws-secret-key", "AWS secret access key", "Deactivate the access key it belongs to in IAM."),
    _token("azure-storage-key", "Azure storage account key", "Rotate the storage account's keys."),
    Kind(
        "gcp-service-account",
        "Google Cloud service account key",
        "critical",
        f"Delete the key of the service account, and prefer workload identity. {_KEEP_OUT}",
        Precision.DOCUMENT,
    ),
    _token("google-api-key", "Google API key", "Delete or restrict the key in the Google Cloud console."),
    _token("ibm-cloud-iam-key", "IBM Cloud IAM key", "Delete the API key in IBM Cloud IAM."),
    _token("ibm-cos-hmac", "IBM Cloud Object Storage HMAC credentials", "Delete the HMAC credential."),
    _token("softlayer-credentials", "SoftLayer credentials", "Regenerate the API key."),
    _token("cloudant-credentials", "Cloudant credentials", "Rotate the credentials of the Cloudant account."),
    _token("github-token", "GitHub token", "Revoke the token in GitHub's settings and check the audit log."),
    _token("gitlab-token", "GitLab token", "Revoke the token in GitLab."),
    _token("npm-token", "npm token", "Revoke the token with `npm token revoke`."),
    _token("pypi-token", "PyPI token", "Remove the token in the account settings of PyPI."),
    _token("docker-auth", "Docker registry credentials", "Change the password or token of the registry account."),
    _token("artifactory-credentials", "Artifactory credentials", "Revoke the API key or change the password."),
    _token("private-key", "Private key", "Replace the key pair and every certificate or authorisation that uses it."),
    Kind(
        "encrypted-private-key",
        "Encrypted private key",
        "high",
        f"Replace the key pair: its passphrase can be guessed offline. {_KEEP_OUT}",
    ),
    _token("jwt", "JSON Web Token", "Invalidate the token or the key that signs it."),
    _token("openai-key", "OpenAI API key", "Revoke the key in the OpenAI console."),
    _token("slack-token", "Slack token", "Revoke the token in Slack's app settings."),
    _token("discord-bot-token", "Discord bot token", "Reset the token in the Discord developer portal."),
    _token("telegram-bot-token", "Telegram bot token", "Revoke the token with BotFather."),
    _token("stripe-key", "Stripe key", "Roll the key in the Stripe dashboard."),
    _token("square-oauth-secret", "Square OAuth secret", "Replace the secret in the Square developer dashboard."),
    _token("sendgrid-key", "SendGrid API key", "Delete the key in SendGrid."),
    _token("mailchimp-key", "Mailchimp API key", "Revoke the key in Mailchimp."),
    _token("twilio-key", "Twilio key", "Delete the key in the Twilio console."),
    Kind(
        "basic-auth",
        "Credentials in a URL",
        "critical",
        f"Change the password. {_KEEP_OUT}",
        Precision.PLACE,
    ),
    Kind(
        "keyword",
        "Secret by its name",
        "high",
        f"Change the value wherever it is accepted. {_KEEP_OUT}",
        Precision.NAME,
    ),
    Kind(
        "command-password",
        "Password on a command line",
        "high",
        f"Change the password. {_KEEP_OUT}",
        Precision.NAME,
    ),
    Kind(
        "base64-entropy",
        "Random-looking base64 string",
        "high",
        f"Find out what it is; if it is a credential, rotate it. {_KEEP_OUT}",
        Precision.ENTROPY,
    ),
    Kind(
        "hex-entropy",
        "Random-looking hexadecimal string",
        "high",
        f"Find out what it is; if it is a credential, rotate it. {_KEEP_OUT}",
        Precision.ENTROPY,
    ),
    Kind(
        "public-ip",
        "Public IP address",
        "low",
        "Configure addresses of your infrastructure when the container starts.",
        Precision.ENTROPY,
    ),
)


def _of_file(
    kind: str, title: str, change: str, severity: Literal["critical", "high", "medium", "low"] = "high"
) -> Kind:
    return Kind(kind, title, severity, f"{change} {_KEEP_OUT}", Precision.FILE)


_OF_FILES: tuple[Kind, ...] = (
    _of_file("aws-session-token", "AWS session or sign-on token", "End the session, and review what it was used for."),
    _of_file("gcp-refresh-token", "Google Cloud refresh token", "Revoke it with `gcloud auth revoke`."),
    _of_file("azure-token", "Azure token or client secret", "Revoke the session, or rotate the client's secret."),
    _of_file("kubeconfig-credential", "Kubernetes user's credential", "Revoke the token, or change the password."),
    _of_file("kubernetes-secret", "Value of a Kubernetes Secret", "Change the value wherever it is accepted."),
    _of_file("mounted-secret", "Secret mounted into a container", "Change the value wherever it is accepted."),
    _of_file("npm-password", "npm registry password", "Change the password of the registry account."),
    _of_file("pip-credentials", "Package index credentials", "Change the password of the index account."),
    _of_file("composer-auth", "Composer credentials", "Change the password or revoke the token."),
    _of_file("cargo-token", "Cargo registry token", "Revoke the token in the registry's settings."),
    _of_file("gradle-credentials", "Secret of a Gradle build", "Change the value wherever it is accepted."),
    _of_file("git-credentials", "Stored git credentials", "Revoke the token or change the password at the git host."),
    _of_file("netrc-password", "netrc password", "Change the password at that host."),
    _of_file("pgpass-password", "PostgreSQL password", "Change the password of the database role."),
    _of_file("mycnf-password", "MySQL password", "Change the password of the database account."),
    _of_file("mail-password", "Mail server password", "Change the password of the mail account."),
    _of_file("terraform-state-secret", "Secret in a Terraform state", "Rotate it; keep states in a remote backend."),
    _of_file("terraform-token", "Terraform registry token", "Revoke the token in the user's settings."),
    _of_file("framework-secret", "Secret in an application's settings", "Change the value wherever it is accepted."),
    _of_file("jenkins-credential", "Jenkins credential", "Change the credential, in Jenkins and where it is accepted."),
    _of_file("jenkins-key", "Jenkins master key", "Replace every credential that this installation stored."),
    _of_file("tool-credential", "Stored login of a tool", "Revoke the token or change the password."),
    _of_file(
        "keystore-default-password",
        "Keystore with a private key behind a default password",
        "Replace the key pair, and keep the new one behind a password of its own.",
    ),
    _of_file(
        "encrypted-credential",
        "Encrypted credential",
        "Check that the key that opens it is not in the image as well.",
        "low",
    ),
)


@lru_cache(maxsize=8)
def kinds(rules: tuple[RuleSource, ...] = ()) -> tuple[Kind, ...]:
    """All kinds: those of detectors written in code, then those that only rules have, ours and the given files'."""
    every = (*builtin_rules().rules, *load_rules(rules).rules)
    known = {kind.id: kind for kind in (*_OF_CODE, *_OF_FILES)}
    for rule in every:
        known.setdefault(rule.kind, _of_rule(rule))
    for plugin in plugins_of(rules):
        known.setdefault(plugin.kind, _token(plugin.kind, plugin.title, "Revoke it where it was issued."))
    return tuple(known.values())


def kind_of(kind_id: str, rules: tuple[RuleSource, ...] = ()) -> Kind:
    """The kind with this id; KeyError where there is none."""
    return _by_id(rules)[kind_id]


def precision_of(kind_id: str) -> Precision:
    """How much a kind says of a value; one that is not ours comes from a rule, and is a token."""
    kind = _by_id(()).get(kind_id)
    return kind.precision if kind is not None else Precision.TOKEN


@lru_cache(maxsize=8)
def _by_id(rules: tuple[RuleSource, ...]) -> dict[str, Kind]:
    return {kind.id: kind for kind in kinds(rules)}


def _of_rule(rule: SecretRule) -> Kind:
    first = rule.remediation or "Revoke it where it was issued."
    precision = Precision.PLACE if rule.form == "password" else Precision.TOKEN
    return Kind(rule.kind, rule.title, rule.severity, f"{first} {_KEEP_OUT}", precision)


def __getattr__(name: str) -> tuple[Kind, ...]:
    """`KINDS` is read at first use: it takes the rules."""
    if name == "KINDS":
        return kinds(())
    raise AttributeError(name)
