"""Downloads of a build, and what switches off the checks on them: certificates of servers, signatures of packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from imgscan.instructions import Command

_URL = re.compile(r"(?:https?|ftp)://[^\s\"'|<>]+")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_UNPACKERS = frozenset({"tar", "bsdtar", "unzip", "gunzip", "gzip", "zcat", "xz", "bunzip2", "zstd", "cpio", "dpkg"})
# Keys are what later signatures are checked by: nothing can check them but the server's certificate.
_KEY = re.compile(
    r"\.(?:asc|gpg|key|pub|pem|crt|sig|sha\d*(?:sum)?|sha256sums?|md5)\Z|/(?:gpg|key|KEYS?)\Z", re.IGNORECASE
)
_NPM = frozenset({"npm", "yarn", "pnpm"})


def host_of(command: Command) -> str:
    """The host a download names, without user or port; empty where it is a variable."""
    for word in command.words:
        url = _URL.search(word)
        if url:
            try:
                host = urlsplit(url[0]).hostname or ""
            except ValueError:
                continue
            if _HOST.fullmatch(host):
                return host
    return ""


def is_download(command: Command, joined: Sequence[Command]) -> bool:
    """Whether a command of a pipeline fetches a file that stays or is unpacked at once, not an answer to look at."""
    urls = [word for word in command.words if _URL.match(word) or re.match(r"[\"']?\$\{?\w*(?:URL|url)", word)]
    if not urls or all(_KEY.search(url.partition("?")[0]) for url in urls):
        return False
    unpacked = any(other.position > command.position and other.program in _UNPACKERS for other in joined)
    if command.program == "curl":
        if command.has("-I", "--head") or _to_nowhere(command):
            return False
        kept = command.has("-o", "-O", "--output", "--remote-name", "--remote-name-all", "-J")
        return unpacked or kept or command.redirected
    if command.program == "wget":
        if command.has("--spider") or _to_nowhere(command):
            return False
        stdout = any(re.fullmatch(r"-\w*O-|-", word) for word in command.words)
        return unpacked or command.redirected or not stdout
    return command.program in {"aria2c", "fetch"}


def _to_nowhere(command: Command) -> bool:
    return any(word.endswith("/dev/null") for word in command.words)


def checks_off(command: Command) -> Iterator[str]:
    """What of a command stops the check of a server's certificate, in words without its values."""
    name, words = command.program, command.words
    yield from (word.partition("=")[0] for word in command.assigned if variable_off(word))
    if name in {"export", "declare", "typeset"}:
        yield from (word.partition("=")[0] for word in words if variable_off(word))
    if name == "curl" and command.has("-k", "--insecure", "--proxy-insecure"):
        yield "curl --insecure"
    if name == "wget" and command.has("--no-check-certificate"):
        yield "wget --no-check-certificate"
    if name == "git" and any(re.fullmatch(r"http\.(?:.+\.)?sslverify=(?:false|0|no)", word.lower()) for word in words):
        yield "git http.sslVerify=false"
    if name == "git" and "config" in words and _set_to(words, r"http\.(?:.+\.)?sslverify", r"false|0|no"):
        yield "git config http.sslVerify false"
    if name in _NPM and (_set_to(words, r"strict-ssl", r"false") or any("strict-ssl=false" in word for word in words)):
        yield f"{name} strict-ssl=false"
    if re.fullmatch(r"pip[\d.]*|uv", name) and command.has("--trusted-host", "--allow-insecure-host"):
        yield f"{name} --trusted-host"
    if re.fullmatch(r"python[\d.]*", name) and "pip" in words and command.has("--trusted-host"):
        yield "pip --trusted-host"
    if name == "pip" and "config" in words and "global.trusted-host" in words:
        yield "pip config set global.trusted-host"
    if name in {"conda", "mamba"} and _set_to(words, r"ssl_verify", r"false|no"):
        yield "conda ssl_verify false"
    if name in {"apt-get", "apt"} and any(re.search(r"Verify-(?:Peer|Host)=\W*(?:false|0|no)", word) for word in words):
        yield "apt Verify-Peer=false"
    if name in {"yum", "dnf", "microdnf"} and any(re.search(r"sslverify=(?:0|false)", word) for word in words):
        yield f"{name} sslverify=false"
    if name in {"skopeo", "podman", "buildah", "helm"} and any(
        re.fullmatch(r"--(?:(?:src-|dest-)?tls-verify=false|insecure-skip-tls-verify(?:=true)?)", word)
        for word in words
    ):
        yield f"{name} without TLS checks"
    if name == "composer" and "disable-tls" in words and "true" in words:
        yield "composer disable-tls"


_VARIABLES_OFF = {
    "NODE_TLS_REJECT_UNAUTHORIZED": r"0",
    "GIT_SSL_NO_VERIFY": r"1|true|yes",
    "PYTHONHTTPSVERIFY": r"0",
    "NPM_CONFIG_STRICT_SSL": r"false",
    "npm_config_strict_ssl": r"false",
    "YARN_ENABLE_STRICT_SSL": r"false|0",
    "PIP_TRUSTED_HOST": r".+",
    "CONDA_SSL_VERIFY": r"false|no",
    "GOINSECURE": r".+",
    "CARGO_HTTP_CHECK_REVOKE": r"false",
    "BUNDLE_SSL_VERIFY_MODE": r"0",
    "AWS_NO_VERIFY_SSL": r"1|true",
    "CURL_INSECURE": r"1|true",
}


def variable_off(assignment: str) -> bool:
    """Whether `NAME=value`, of a command line or of ENV, stops the check of servers' certificates."""
    name, _, value = assignment.partition("=")
    wanted = _VARIABLES_OFF.get(name)
    return wanted is not None and re.fullmatch(wanted, value.strip("\"'"), re.IGNORECASE) is not None


def signatures_off(command: Command) -> Iterator[str]:
    """What of a command installs packages without checking who signed them."""
    name, words = command.program, command.words
    if name in {"apt-get", "apt", "aptitude"}:
        for option in ("--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"):
            if command.has(option):
                yield f"{name} {option}"
        if any(re.search(r"AllowUnauthenticated=\W*(?:true|1|yes)", word) for word in words):
            yield f"{name} AllowUnauthenticated"
    if name == "apk" and command.has("--allow-untrusted"):
        yield "apk --allow-untrusted"
    if name in {"yum", "dnf", "microdnf"} and command.has("--nogpgcheck", "--no-gpgchecks"):
        yield f"{name} --nogpgcheck"
    if name == "rpm" and command.has("--nosignature", "--nodigest", "--noverify"):
        yield "rpm --nosignature"
    if name == "zypper" and command.has("--no-gpg-checks", "--no-gpg-check", "--allow-unsigned-rpm"):
        yield "zypper --no-gpg-checks"
    if name == "go" and any(
        re.fullmatch(r"(?:GONOSUMDB|GONOSUMCHECK|GOFLAGS|GOSUMDB)=(?:off|-insecure|.*nosum.*)", word) for word in words
    ):
        yield "go without checksums"


def _set_to(words: Sequence[str], key: str, value: str) -> bool:
    """`KEY VALUE` next to each other, as configuration commands take them."""
    return any(
        re.fullmatch(key, words[at], re.IGNORECASE) and re.fullmatch(value, words[at + 1], re.IGNORECASE)
        for at in range(len(words) - 1)
    )
