"""Package databases become names, versions and the programs they own."""

from __future__ import annotations

import json

import pytest

from imgscan.layers.extractors.apk import ApkExtractor
from imgscan.layers.extractors.dpkg import DpkgExtractor
from imgscan.layers.extractors.npm_packages import NpmPackagesExtractor
from imgscan.layers.extractors.os_release import OsReleaseExtractor
from imgscan.layers.extractors.python_packages import PythonPackagesExtractor

dpkg = DpkgExtractor().extract
apk = ApkExtractor().extract
python = PythonPackagesExtractor().extract
npm = NpmPackagesExtractor().extract


def test_dpkg_status_gives_packages_and_drops_descriptions():
    status = b"""Package: git
Status: install ok installed
Maintainer: Somebody <x@example.org>
Architecture: amd64
Source: git (1:2.39)
Version: 1:2.39.5-0
Description: fast version control
 Package: not-a-package
 .

Package: gone
Status: deinstall ok config-files
Version: 1
"""
    assert dpkg("var/lib/dpkg/status", status) == (
        ("package", "git", "1:2.39.5-0", "amd64", "Somebody <x@example.org>", "git (1:2.39)", "install ok installed"),
        ("package", "gone", "1", "", "", "", "deinstall ok config-files"),
    )


def test_dpkg_lists_give_programs_only():
    listed = b"/.\n/usr\n/usr/bin\n/usr/bin/gcc-12\n/usr/share/doc/gcc-12/copyright\n/bin/x\n"
    assert dpkg("var/lib/dpkg/info/gcc-12:amd64.list", listed) == (
        ("file", "gcc-12", "usr/bin/gcc-12"),
        ("file", "gcc-12", "bin/x"),
    )


def test_distroless_keeps_packages_and_files_in_status_d():
    assert dpkg("var/lib/dpkg/status.d/base", b"Package: base-files\nVersion: 12\n")[0][:3] == (
        "package",
        "base-files",
        "12",
    )
    sums = b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/openssl\nd41d8cd98f00b204e9800998ecf8427e  etc/x\n"
    assert dpkg("var/lib/dpkg/status.d/openssl.md5sums", sums)[:1] == (("file", "openssl", "usr/bin/openssl"),)


def test_apk_joins_directories_and_files():
    database = (
        b"P:git\nV:2.45.2-r0\nA:x86_64\no:git\nm:X <x@example.org>\nF:usr\nF:usr/bin\nR:git\na:0:0:755\n"
        b"F:etc\nR:x\n\nP:musl\nV:1\n"
    )
    assert apk("lib/apk/db/installed", database) == (
        ("package", "git", "2.45.2-r0", "x86_64", "X <x@example.org>", "git"),
        ("file", "git", "usr/bin/git"),
        ("package", "musl", "1", "", "", ""),
    )


def test_python_records_are_joined_by_their_directory():
    info = "usr/local/lib/python3.12/site-packages/pip-24.0.dist-info"
    assert python(f"{info}/METADATA", b"Metadata-Version: 2.1\nName: pip\nVersion: 24.0\n\nName: other\n") == (
        ("package", info, "pip", "24.0"),
    )
    record = (
        b'../../../bin/pip,sha256=x,1\npip/__init__.py,,\n"../../../bin/pip3",,\n../../../../../../../../bin/up,,\n'
    )
    assert python(f"{info}/RECORD", record) == (
        ("file", info, "usr/local/bin/pip"),
        ("file", info, "usr/local/bin/pip3"),
        ("file", info, "bin/up"),
    )
    scripts = b"[console_scripts]\npip = pip:main\n# x = y\n[gui_scripts]\ny = z\n"
    assert python(f"{info}/entry_points.txt", scripts) == (("script", info, "pip"),)


def test_npm_programs_are_told_with_their_path_in_the_image():
    directory = "usr/local/lib/node_modules/npm"
    document = {"name": "npm", "version": "10.8.2", "bin": {"npm": "bin/npm-cli.js", "x": "../../../../../../etc/x"}}
    assert npm(f"{directory}/package.json", json.dumps(document).encode()) == (
        ("package", directory, "npm", "10.8.2"),
        ("bin", directory, "npm", f"{directory}/bin/npm-cli.js"),
        ("bin", directory, "x", "etc/x"),
    )


@pytest.mark.parametrize("data", [b"[" * 200_000, b"{", b"[]", b"\xff", b'{"name": 1e999}x'])
def test_a_package_json_that_is_none_is_refused(data: bytes):
    with pytest.raises(ValueError, match="is not"):
        npm("lib/node_modules/x/package.json", data)


def test_lone_surrogates_of_json_do_not_get_through():
    rows = npm("lib/node_modules/x/package.json", b'{"name": "\\ud800", "bin": {"\\udfff": "\\ud801"}}')
    assert all(value.isascii() for row in rows for value in row)


def test_os_release_keeps_the_keys_that_name_the_distribution():
    text = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nBUG_REPORT_URL="x"\nVERSION_ID=\'12\'\n'
    assert OsReleaseExtractor().extract("etc/os-release", text) == (
        ("PRETTY_NAME", "Debian GNU/Linux 12 (bookworm)"),
        ("ID", "debian"),
        ("VERSION_ID", "12"),
    )
