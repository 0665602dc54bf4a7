"""Logins at hosts: one small grammar each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, from_base64, secret, text_of
from imgscan.secrets.formats.package_managers import read_urls
from imgscan.secrets.formats.picks import Pick, ini, json, picked
from imgscan.secrets.formats.xml_text import beside, xml_elements

_WORD = re.compile(r"\"(?:[^\"\\\n]|\\.){0,1000}\"|#[^\n]*|[^\s\"#][^\s]*|\"")


def read_netrc(_: str, data: bytes) -> Iterator[Candidate]:
    """`machine HOST login USER password PASSWORD`, over lines as one likes; a macro ends at an empty line."""
    text = text_of(data)
    host, user, after = "", "", ""
    at = 0
    while (word := _WORD.search(text, at)) is not None:
        at = word.end()
        if word[0].startswith("#") and after != "password":
            continue
        start, end = word.span()
        if len(word[0]) > 1 and word[0].startswith('"') and word[0].endswith('"'):
            start, end = start + 1, end - 1
        value = text[start:end]
        if after == "machine":
            host, user = value, ""
        elif after in ("login", "user"):
            user = value
        elif after in ("password", "passwd"):
            name = f"{user}@{host}" if user else host
            yield secret(text, "netrc-password", re.sub(r"\\(.)", r"\1", value), start, end, name=name, key="password")
        elif value == "default":
            host, user = "default", ""
        elif value == "macdef":
            empty = text.find("\n\n", at)
            at = empty if empty >= 0 else len(text)
        else:
            after = value
            continue
        after = ""


def read_git_credentials(_: str, data: bytes) -> Iterator[Candidate]:
    """One URL a line, with user and password in percent escapes."""
    return read_urls("git-credentials", text_of(data))


_PGPASS = re.compile(r"^(?!\#)(?P<head>(?:(?:[^:\\\r\n]|\\.)*:){4})(?P<value>(?:[^:\\\r\n]|\\.)+)", re.MULTILINE)


def read_pgpass(_: str, data: bytes) -> Iterator[Candidate]:
    """`host:port:database:user:password`; a backslash stands before `:` and itself."""
    text = text_of(data)
    for match in _PGPASS.finditer(text):
        host, _, _, user, _ = re.split(r"(?<!\\):", match["head"], maxsplit=4)
        value = re.sub(r"\\(.)", r"\1", match["value"])
        yield secret(text, "pgpass-password", value, *match.span("value"), name=f"{user}@{host}", key="password")


_SVN_FIELD = re.compile(r"K (\d{1,4})\n(?P<key>[^\n]{1,4096})\nV (\d{1,6})\n")


def read_subversion(_: str, data: bytes) -> Iterator[Candidate]:
    """A hash dump: `K length, key, V length, value`; `passtype` says how the password is kept."""
    text = text_of(data)
    fields: dict[str, tuple[int, int]] = {}
    at = 0
    while (match := _SVN_FIELD.search(text, at)) is not None:
        at = match.end() + int(match[3])
        fields[match["key"]] = (match.end(), min(at, len(text)))
    if "password" in fields and text[slice(*fields.get("passtype", (0, 0)))] in ("simple", ""):
        realm = text[slice(*fields.get("svn:realmstring", (0, 0)))]
        yield secret(text, "tool-credential", text[slice(*fields["password"])], *fields["password"], name=realm)


def read_filezilla(_: str, data: bytes) -> Iterator[Candidate]:
    """`<Pass encoding="base64">`; encoding `crypt` is behind a master password."""
    text = text_of(data)
    elements = xml_elements(data)
    hosts, users = beside(elements, "Host"), beside(elements, "User")
    for element in elements:
        if element.name not in ("Pass", "ProxyPassword") or not element.text or element.start < 0:
            continue
        encoding = element.attributes["encoding"].value if "encoding" in element.attributes else ""
        name = f"{users.get(element.parent, '')}@{hosts.get(element.parent, '')}".strip("@")
        if encoding == "crypt":
            label = f"{name} (encrypted)"
            yield secret(text, "encrypted-credential", element.text, element.start, element.end, name=label)
            continue
        value = (from_base64(element.text) if encoding == "base64" else None) or element.text
        yield secret(text, "tool-credential", value, element.start, element.end, name=name)


_SASL = re.compile(r"^(?!\#)(?P<host>\S{1,300})[ \t]+(?P<user>[^\s:]{1,300}):(?P<value>\S{1,500})", re.MULTILINE)


def read_sasl(_: str, data: bytes) -> Iterator[Candidate]:
    """Postfix: `host user:password`."""
    text = text_of(data)
    for match in _SASL.finditer(text):
        name = f"{match['user']}@{match['host']}"
        yield secret(text, "mail-password", match["value"], *match.span("value"), name=name)


_MAIL = re.compile(r"\bpass(?:word)?(?:\s+is)?[ \t]+[\"']?(?P<value>[^\s\"']{1,300})")


def read_mail(_: str, data: bytes) -> Iterator[Candidate]:
    """msmtp's and fetchmail's `password PASSWORD`."""
    text = text_of(data)
    for match in _MAIL.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if "#" not in line:
            yield secret(text, "mail-password", match["value"], *match.span("value"), key="password")


LOGINS: tuple[Format, ...] = (
    Format("netrc", "netrc", (".netrc", "_netrc"), read_netrc, "passwords, by machine and user"),
    Format(
        "git-credentials",
        "git's stored credentials",
        (".git-credentials", ".config/git/credentials"),
        read_git_credentials,
        "passwords and tokens out of percent escapes, by user and host",
    ),
    Format("pgpass", "PostgreSQL passwords", (".pgpass", "pgpass.conf"), read_pgpass, "passwords, by user and host"),
    picked(
        "mycnf",
        "MySQL client's configuration",
        ".my.cnf my.cnf debian.cnf",
        ini,
        Pick.of(r".*/password", "mycnf-password"),
        decodes="passwords, by group",
    ),
    Format(
        "subversion",
        "Subversion logins",
        ("auth/svn.simple/*",),
        read_subversion,
        "passwords in plain text, by realm",
    ),
    Format(
        "filezilla",
        "FileZilla's sites",
        ("sitemanager.xml", "recentservers.xml", "filezilla.xml"),
        read_filezilla,
        "passwords out of base64, by user and host; encrypted ones are told as such",
    ),
    picked(
        "sftp",
        "an editor's SFTP configuration",
        "sftp.json sftp-config.json .ftpconfig .remote-sync.json",
        json,
        Pick.of(r"(?:.*/)?(?:password|pass|passphrase)", "tool-credential"),
        decodes="passwords and passphrases",
    ),
    Format(
        "sasl-passwd",
        "Postfix passwords",
        ("sasl_passwd", "smtp_auth"),
        read_sasl,
        "passwords, by user and relay",
    ),
    Format("mail", "mail client's configuration", (".msmtprc", "msmtprc", ".fetchmailrc"), read_mail, "passwords"),
)
