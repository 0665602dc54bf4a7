"""What holds for every extractor, whatever bytes it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imgscan.layers.extractors as package
from imgscan.layers.extractors import EXTRACTORS, Extractor
from imgscan.layers.extractors.extractor import MAX_ROWS, MAX_TEXT, bounded

EVERY = pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda extractor: extractor.name)

# One path for each way an extractor goes.
PATHS = {
    "accounts": ["etc/passwd", "etc/group"],
    "shadow": ["etc/shadow", "etc/master.passwd"],
    "sudoers": ["etc/sudoers", "etc/sudoers.d/app", "usr/local/etc/sudoers", "etc/doas.conf", "etc/doas.d/a.conf"],
    "authorized_keys": ["root/.ssh/authorized_keys", "home/a/.ssh/authorized_keys2", "etc/dropbear/authorized_keys"],
    "os_release": ["etc/os-release", "usr/lib/os-release"],
    "dpkg": [
        "var/lib/dpkg/status",
        "var/lib/dpkg/info/apt.list",
        "var/lib/dpkg/info/apt.md5sums",
        "var/lib/dpkg/status.d/tzdata.md5sums",
    ],
    "apk": ["lib/apk/db/installed", "usr/lib/apk/db/installed"],
    "rpm": ["var/lib/rpm/Packages", "usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/Packages.db"],
    "python_packages": [
        "usr/lib/python3/dist-packages/a-1.dist-info/METADATA",
        "usr/lib/python3/dist-packages/a-1.dist-info/RECORD",
        "srv/a-1.dist-info/entry_points.txt",
        "srv/a-1.dist-info/direct_url.json",
        "usr/lib/python3/dist-packages/a.egg-info",
        "usr/lib/python3/dist-packages/a.egg-info/PKG-INFO",
    ],
    "npm_packages": ["usr/local/lib/node_modules/npm/package.json", "usr/lib/node_modules/@scope/x/package.json"],
    "sensitive": ["root/.ssh/id_rsa", "app/.env", "root/.bash_history", "srv/key.jks", "home/a/.aws/credentials"],
    "core_dump": ["core", "srv/core.123", "var/crash/app.core", "var/lib/systemd/coredump/core.app.1000.12"],
    "script": ["docker-entrypoint.sh", "usr/local/bin/start", "etc/services.d/web/run"],
}
LINES = st.lists(
    st.sampled_from(
        ["", "#", ":", "a:x:0:0", "Package: a", "Version: 1", "P:a", "F:usr/bin", "R:gcc", "/usr/bin/gcc", "Name: a",
         "../../bin/pip,sha256=x,1", "a,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0", "Z:Q1x", "Z:Q1é=",
         "Conffiles:", " /etc/x d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e  usr/bin/x",
         '{"name": "a"}', "#!/bin/sh", "exec gosu a b", "KEY=value", "\udc80", "[x]", '"',
         "a ALL=(ALL) NOPASSWD: ALL", "Defaults !authenticate", "\\\\", "permit nopass :wheel", "a::1:1"]
    )
).map("\n".join)  # fmt: skip
CONTENT = st.binary(max_size=600) | LINES.map(lambda text: text.encode("utf-8", "surrogateescape"))


def test_each_file_of_the_package_is_registered():
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")}
    assert {extractor.name for extractor in EXTRACTORS} == files - {"__init__", "extractor", "rpm_containers"}
    assert set(PATHS) == {extractor.name for extractor in EXTRACTORS}


@EVERY
def test_paths_are_one_expression_that_can_be_joined_with_others(extractor: Extractor):
    joined = re.compile(f"(?:x|{extractor.paths})\\Z".encode(), re.DOTALL | re.ASCII)
    assert joined.groups == 0
    assert all(joined.match(path.encode()) for path in PATHS[extractor.name])
    assert not joined.match(b"usr/share/doc/readme.txt")


@EVERY
@given(content=CONTENT, data=st.data())
def test_any_content_gives_plain_rows_or_a_value_error(extractor: Extractor, content: bytes, data):
    path = data.draw(st.sampled_from(PATHS[extractor.name]))
    try:
        rows = extractor.extract(path, content)
    except ValueError:
        return
    assert isinstance(rows, tuple)
    for row in rows:
        assert all(value is None or type(value) in (str, int) for value in row)
        assert all(len(value) <= MAX_TEXT for value in row if isinstance(value, str))
        for value in row:  # a cache has to be able to hold it
            str(value).encode("utf-8", "surrogateescape")
    assert rows == extractor.extract(path, content)


def test_too_many_records_are_refused_instead_of_cut_in_silence():
    with pytest.raises(ValueError, match="more than"):
        bounded(("row",) for _ in range(MAX_ROWS + 1))


def test_a_long_text_is_cut():
    assert bounded([("x" * (MAX_TEXT + 1), 1)]) == (("x" * MAX_TEXT, 1),)
