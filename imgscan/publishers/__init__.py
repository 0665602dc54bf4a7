"""Whether whoever built a package publishes it to everybody: what vouches for bytes that are no one's secret.

What a package says of itself is all there is to judge by, and `pip install .` or an in-house .deb writes the same
records as a public package. So each needs evidence that an in-house package has only if somebody forges it:

    deb    the maintainer's address is the distribution's; or the source package is one of the distribution's, and the
           address is where its maintainers have theirs (7 % of Debian's packages are kept under private addresses)
    apk    the same with Alpine's addresses; packages of Wolfi and Chainguard name no maintainer
    rpm    the vendor is a distribution; packages built elsewhere have another one or none
    wheel  it came from an index (no direct_url.json, PEP 610), and the name is a widely used one of the public index

A doubt leaves findings open. Policy.own_packages and Policy.public_packages have the last word.
"""

from __future__ import annotations

import re

from imgscan.publishers.names import (
    is_distribution_source,
    is_maintainer_domain,
    is_well_known_python_package,
    python_name,
)

__all__ = ["is_public_apk", "is_public_deb", "is_public_rpm", "is_public_wheel", "python_name"]

_DEB_DOMAINS = (
    "debian.org",
    "alioth-lists.debian.net",
    "ubuntu.com",
    "lists.launchpad.net",
    "kali.org",
    "devuan.org",
    "raspberrypi.com",
    "raspbian.org",
)
# Under these addresses vendors publish packages for everybody in repositories of their own.
_DEB_VENDORS = frozenset(
    {
        "support@docker.com",
        "mysql-build@oss.oracle.com",
        "nginx-packaging@f5.com",
        "chromium-dev@chromium.org",
        "yarn@dan.cx",
        "cudatools@nvidia.com",
    }
)
_APK_DOMAINS = ("alpinelinux.org",)
_APK_WITHOUT_MAINTAINERS = frozenset({"wolfi", "chainguard"})
"""ID in os-release of distributions whose packages name none."""
_RPM_VENDORS = frozenset(
    {
        "almalinux",
        "amazon linux",
        "amazon.com",
        "centos",
        "fedora project",
        "microsoft corporation",
        "opensuse",
        "oracle america",
        "red hat, inc.",
        "rocky",
        "rocky enterprise software foundation",
        "suse llc",
        "vmware, inc.",
    }
)
_ADDRESS = re.compile(r"([^\s<>@]{1,128})@([\w.-]{1,128})>?\s*$")


def is_public_deb(name: str, source: str, maintainer: str) -> bool:
    """`source` as dpkg has it: empty where it is the package's own name, maybe with a version in brackets."""
    address, domain = _address(maintainer)
    if _within(domain, _DEB_DOMAINS) or address in _DEB_VENDORS:
        return True
    return is_maintainer_domain(domain) and is_distribution_source(source.partition(" ")[0] or name)


def is_public_apk(name: str, origin: str, maintainer: str, distributions: frozenset[str]) -> bool:
    """`origin` is the source package; `distributions` are the IDs in the image's os-release files."""
    _, domain = _address(maintainer)
    if _within(domain, _APK_DOMAINS):
        return True
    known = is_distribution_source(origin or name)
    if not maintainer:
        return known and bool(distributions & _APK_WITHOUT_MAINTAINERS)
    return known and is_maintainer_domain(domain)


def is_public_rpm(vendor: str) -> bool:
    """`vendor` is the header's; some add an address in angle brackets."""
    return vendor.partition("<")[0].strip().lower() in _RPM_VENDORS


def is_public_wheel(name: str, *, direct: bool) -> bool:
    """`direct` is whether it was installed from a path or a URL instead of an index."""
    return not direct and is_well_known_python_package(name)


def _address(maintainer: str) -> tuple[str, str]:
    """(address, its domain) of `Name <name@domain>`, in lower case; empty where there is none."""
    found = _ADDRESS.search(maintainer[-300:])
    return (f"{found[1]}@{found[2]}".lower(), found[2].lower()) if found else ("", "")


def _within(domain: str, parents: tuple[str, ...]) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)
