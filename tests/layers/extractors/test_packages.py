"""Package databases become names, versions and the programs they own."""

from __future__ import annotations

import json

import pytest

from imgscan.layers.extractors.apk import ApkExtractor
from imgscan.layers.extractors.dpkg import DpkgExtractor
from imgscan.layers.extractors.npm_packages import NpmPackagesExtractor
from imgscan.layers.extractors.os_release import OsReleaseExtractor
from imgscan.layers.extractors.python_packages import PythonPackagesExtractor
from imgscan.package_checksums import digest_key, path_key, records

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


EMPTY = {"md5": "d41d8cd98f00b204e9800998ecf8427e", "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}
RECORDED = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # sha256 of nothing


def checksums(rows):
    """(package, algorithm, records) of the rows that have digests."""
    return [(row[1], row[2], list(records(row[3]))) for row in rows if row[0] == "checksums"]


def record(path: str, digest: str):
    return (path_key(path.encode()), digest_key(digest))


def test_checksums_of_dpkg_are_kept_for_all_files():
    sums = f"{EMPTY['md5']}  usr/share/a b\n{EMPTY['md5'].upper()}  no\nnonsense\n".encode()
    listed = [("foo", "md5", [record("usr/share/a b", EMPTY["md5"])])]
    assert checksums(dpkg("var/lib/dpkg/info/foo:amd64.md5sums", sums)) == listed
    assert checksums(dpkg("var/lib/dpkg/status.d/foo.md5sums", sums)) == listed


def test_conffiles_are_part_of_the_checksums_of_dpkg():
    status = f"""Package: foo
Conffiles:
 /etc/a {EMPTY["md5"]}
 /etc/b newconffile
 /etc/c {EMPTY["md5"]} obsolete
Description: x
 /etc/d {EMPTY["md5"]}
"""
    assert checksums(dpkg("var/lib/dpkg/status", status.encode())) == [
        ("foo", "md5", [record("etc/a", EMPTY["md5"]), record("etc/c", EMPTY["md5"])])
    ]


def test_checksums_of_apk_are_sha1_or_sha256():
    database = (
        b"P:foo\nF:etc\nR:a\nZ:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\nR:b\nR:c\n"
        b"Z:Q247DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nR:d\nZ:Q1?\n"
    )
    sha256 = "e3b0c44298fc1c149afbf4c8996fb924"
    assert checksums(apk("lib/apk/db/installed", database)) == [
        ("foo", "sha1", [record("etc/a", EMPTY["sha1"])]),
        ("foo", "sha256", [record("etc/c", sha256)]),
    ]


def test_checksums_of_a_record_are_for_paths_of_the_image():
    info = "srv/site-packages/a-1.dist-info"
    text = f"a.py,sha256={RECORDED},0\n../../etc/b,sha256={RECORDED},0\na-1.dist-info/RECORD,,\nc,sha999=x,1\n"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb924"
    assert checksums(python(f"{info}/RECORD", text.encode())) == [
        (info, "sha256", [record("srv/site-packages/a.py", sha256), record("etc/b", sha256)])
    ]


@pytest.mark.parametrize(
    ("document", "how"),
    [
        (b'{"url": "file:///src", "dir_info": {"editable": true}}', "editable"),
        (b'{"url": "file:///src", "dir_info": {}}', "directory"),
        (b'{"url": "https://user:word@git.example/x", "vcs_info": {"vcs": "git"}}', "vcs"),
        (b'{"url": "https://user:word@x.example/x.whl", "archive_info": {}}', "archive"),
        (b"[" * 100_000, "archive"),
        (b"[]", "archive"),
    ],
)
def test_how_a_package_came_without_an_index_is_told_without_its_url(document: bytes, how: str):
    info = "srv/a-1.dist-info"
    assert python(f"{info}/direct_url.json", document) == (("direct", info, how),)


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
