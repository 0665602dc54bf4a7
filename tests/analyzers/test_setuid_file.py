"""Rights that a mode or an attribute gives, and files that somebody may change whom nobody thought of."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.analyzers.setuid_file import SetuidFileAnalyzer
from imgscan.report import Finding, Policy, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import (
    BuiltImage,
    directory,
    executable,
    file,
    hardlink,
    image,
    layer,
    symlink,
)
from tests.package_records import COMPANY, deb

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
ACCOUNTS = {"etc/passwd": PASSWD, "etc/group": "root:x:0:\nshadow:x:42:\napp:x:1000:\n"}
SYSTEM = {f"{path}/": directory() for path in ("etc", "usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin")}


def findings(built: BuiltImage, *, trust_packages: bool = True) -> list[Finding]:
    evidence = replace(evidence_of(built), policy=Policy(trust_packages=trust_packages))
    return sorted(SetuidFileAnalyzer().analyze(evidence).findings, key=lambda one: one.location.path or "")


def told(*files, **config) -> dict[str, tuple[str, Severity]]:
    """Rule (without the family) and severity, by path."""
    built = image(layer({**ACCOUNTS, **SYSTEM}), *(layer(each) for each in files), **config)
    return {str(one.location.path): (one.rule.id.partition("/")[2], one.severity) for one in findings(built)}


def capability(mask: int) -> bytes:
    return struct.pack("<5I", 2 << 24 | 1, mask, 0, 0, 0)


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        ("usr/local/bin/helper", 0o4755, ("setuid", Severity.MEDIUM)),
        ("usr/local/bin/helper", 0o6755, ("setuid", Severity.MEDIUM)),
        ("usr/local/bin/helper", 0o2755, ("setgid", Severity.MEDIUM)),
        ("usr/bin/su", 0o4755, ("setuid", Severity.MEDIUM)),  # of no package
        ("bin/bash", 0o4755, ("setuid", Severity.HIGH)),
        ("usr/bin/python3.11", 0o4755, ("setuid", Severity.HIGH)),
        ("usr/bin/find", 0o4755, ("setuid", Severity.HIGH)),
        ("usr/bin/find", 0o4644, None),  # nobody can execute it
        ("usr/bin/find", 0o755, None),
    ],
)
def test_a_bit_is_told_by_who_runs_what(path, mode, expected):
    assert told({path: executable(mode=mode)}).get(path) == expected


def test_setuid_to_another_user_than_root_is_no_way_to_root():
    assert told({"bin/bash": executable(mode=0o4755, uid=1000)}) == {"bin/bash": ("setuid", Severity.MEDIUM)}


def test_what_a_distribution_ships_so_is_low_as_long_as_its_package_vouches_for_it():
    shipped = {**deb("login", {"usr/bin/su": "su", "usr/bin/find": "find"}), **ACCOUNTS}
    programs = {"usr/bin/su": executable("su", mode=0o4755), "usr/bin/find": executable("find", mode=0o4755)}
    first, second = findings(image(layer(shipped), layer(programs)))
    assert (first.location.path, first.severity) == ("usr/bin/find", Severity.HIGH)
    assert "not known to ship it so" in first.message
    assert (second.location.path, second.severity) == ("usr/bin/su", Severity.LOW)
    assert "login 1.2-3" in second.message
    (changed,) = findings(image(layer(shipped), layer({"usr/bin/su": executable("other", mode=0o4755)})))
    assert changed.severity is Severity.MEDIUM
    assert "differs" in changed.message
    own = deb("login", {"usr/bin/su": "su"}, maintainer=COMPANY)
    (vouched,) = findings(image(layer({**own, "usr/bin/su": executable("su", mode=0o4755)})))
    assert vouched.severity is Severity.LOW
    untrusted = findings(image(layer(shipped), layer(programs)), trust_packages=False)
    assert [one.severity for one in untrusted] == [Severity.HIGH, Severity.MEDIUM]


def test_a_deleted_or_changed_program_gives_no_rights():
    gone = {"usr/bin/.wh.helper": ""}
    without = {"usr/bin/helper": executable(b"1")}
    assert told({"usr/bin/helper": executable(b"1", mode=0o4755)}, gone) == {}
    assert told({"usr/bin/helper": executable(b"1", mode=0o4755)}, without) == {}


def test_hard_links_are_one_program_whichever_of_them_has_the_bit():
    files = [("usr/bin/b", executable(b"1")), ("usr/bin/a", hardlink("usr/bin/b", mode=0o4755))]
    (one,) = findings(image(layer(files)))
    assert one.location.path == "usr/bin/a"
    both = [("usr/bin/b", executable(b"1", mode=0o4755)), ("usr/bin/a", hardlink("usr/bin/b", mode=0o4755))]
    (one,) = findings(image(layer(both)))
    assert one.location.path == "usr/bin/a"
    assert "usr/bin/b" in one.message


def test_links_and_directories_with_the_bits_are_nothing():
    assert (
        told({"usr/bin/a": symlink("b", mode=0o4777), "srv/": directory(mode=0o2775), "srv/b/": directory(0o6755)})
        == {}
    )


@pytest.mark.parametrize(
    ("mask", "text", "severity"),
    [
        (1 << 10, "cap_net_bind_service=ep", Severity.MEDIUM),
        (1 << 7 | 1 << 10, "cap_setuid,cap_net_bind_service=ep", Severity.HIGH),
        (1 << 21, "cap_sys_admin=ep", Severity.HIGH),
    ],
)
def test_file_capabilities_are_decoded_and_judged(mask, text, severity):
    program = executable(xattrs={"security.capability": capability(mask)})
    (one,) = findings(image(layer({"srv/app": program})))
    assert (one.rule.id, one.severity) == ("setuid-file/file-capability", severity)
    assert text in one.message


def test_a_capability_that_a_distribution_ships_is_low_and_one_that_cannot_be_read_is_told():
    records = deb("iputils-ping", {"usr/bin/ping": "ping"})
    ping = executable("ping", xattrs={"security.capability": capability(1 << 13)})
    (one,) = findings(image(layer({**records, "usr/bin/ping": ping})))
    assert one.severity is Severity.LOW
    (odd,) = findings(image(layer({"srv/app": executable(xattrs={"security.capability": b"\1\2\3"})})))
    assert odd.severity is Severity.MEDIUM


def test_a_tree_that_everybody_may_write_to_is_one_finding():
    tree = {"srv/": directory(0o777), **{f"srv/{n}/": directory(0o777) for n in range(3)}}
    tree |= {f"srv/{n}/f": file(mode=0o666) for n in range(3)}
    (one,) = findings(image(layer(tree)))
    assert (one.rule.id, one.location.path, one.severity) == (
        "setuid-file/world-writable-directory",
        "srv",
        Severity.MEDIUM,
    )
    assert "6 entries" in one.message


def test_files_that_everybody_may_change_are_told_by_directory():
    files = {"data/": directory(), "data/a": file(mode=0o666), "data/b": file(mode=0o777), "data/c": file()}
    (one,) = findings(image(layer(files)))
    assert (one.rule.id, one.location.path) == ("setuid-file/world-writable-file", "data/a")
    assert "2 files" in one.message


@pytest.mark.parametrize(
    "files",
    [
        {"tmp/": directory(0o1777), "tmp/x": file(mode=0o666), "var/tmp/": directory(0o1777)},
        {"run/lock/": directory(0o1777)},
        {"srv/": directory(0o770), "srv/open": file(mode=0o666), "srv/dir/": directory(0o777)},  # out of reach
        {"srv/link": symlink("x", mode=0o777)},
        {"dev/null": file(mode=0o666)},
    ],
)
def test_what_is_meant_for_everybody_or_out_of_reach_is_not_told(files):
    assert told(files) == {}


@pytest.mark.parametrize(
    ("files", "path", "severity"),
    [
        ({"etc/ld.so.preload": file("", uid=1000)}, "etc/ld.so.preload", Severity.HIGH),
        ({"etc/ld.so.conf.d/": directory(uid=1000)}, "etc/ld.so.conf.d", Severity.HIGH),
        ({"etc/cron.d/": directory(), "etc/cron.d/job": file(mode=0o666)}, "etc/cron.d/job", Severity.HIGH),
        ({"etc/profile": file(gid=1000, mode=0o664)}, "etc/profile", Severity.HIGH),
        ({"etc/passwd": file(PASSWD, gid=1000, mode=0o664)}, "etc/passwd", Severity.HIGH),
        ({"etc/": directory(uid=1000)}, "etc", Severity.HIGH),
        ({"usr/local/bin/": directory(uid=1000)}, "usr/local/bin", Severity.MEDIUM),
        ({"usr/local/bin/tool": executable(uid=1000)}, "usr/local/bin/tool", Severity.MEDIUM),
        ({"start.sh": executable("#!/bin/sh\n", uid=1000)}, "start.sh", Severity.MEDIUM),
        (
            {"usr/local/lib/python3.11/site-packages/": directory(uid=1000)},
            "usr/local/lib/python3.11/site-packages",
            Severity.MEDIUM,
        ),
    ],
)
def test_what_root_or_the_entry_point_runs_must_not_be_the_users(files, path, severity):
    parents = {"usr/local/lib/": directory(), "usr/local/lib/python3.11/": directory()}
    found = told({**parents, **files}, user="app", entrypoint=["/start.sh"])
    assert found == {path: ("replaceable", severity)}


def test_as_root_the_same_is_judged_for_everybody_else():
    files = {"etc/cron.d/": directory(), "etc/cron.d/a": file(uid=1000), "etc/cron.d/b": file(mode=0o666)}
    assert told(files) == {"etc/cron.d/b": ("replaceable", Severity.HIGH)}


def test_a_weak_place_is_told_once_with_what_it_endangers():
    files = {"usr/": directory(uid=1000), "usr/local/lib/": directory()}
    (one,) = findings(
        image(layer({**ACCOUNTS, **SYSTEM}), layer(files), user="app", env=["PATH=/usr/bin:/usr/local/bin"])
    )
    assert (one.location.path, one.severity) == ("usr", Severity.HIGH)
    assert "more" in one.message


def test_the_applications_own_script_and_paths_below_its_home_count_for_little():
    files = {"app/": directory(uid=1000), "app/main.py": file("", uid=1000), "usr/bin/python3": executable()}
    assert told(files, user="app", entrypoint=["python3", "main.py"], working_dir="/app") == {
        "app": ("replaceable", Severity.LOW)
    }
    home = {"home/app/": directory(uid=1000), "home/app/.local/bin/": directory(uid=1000)}
    assert told(home, user="app", env=["PATH=/home/app/.local/bin:/usr/bin"]) == {
        "home/app": ("replaceable", Severity.LOW)
    }


@pytest.mark.parametrize(
    ("command", "name"),
    [(["node", "app.js"], "app.js"), (["node", "--flag", "/app/app.js"], "app.js"), (["npm", "start"], "package.json")],
)
def test_an_entry_point_that_hands_over_to_the_command_is_followed(command, name):
    system = {"usr/bin/node": executable(), "usr/bin/npm": executable(), "usr/bin/docker-entrypoint.sh": executable()}
    files = {"app/": directory(), f"app/{name}": file("", uid=1000), **system}
    config = {"entrypoint": ["docker-entrypoint.sh"], "cmd": command, "working_dir": "/app"}
    assert told(files, user="app", **config) == {f"app/{name}": ("replaceable", Severity.LOW)}


def test_of_thousands_of_places_the_rest_is_counted():
    files = {f"d{n}/f": file(mode=0o666) for n in range(600)} | {
        f"usr/bin/t{n}": executable(uid=1000) for n in range(600)
    }
    found = findings(image(layer({**ACCOUNTS, **SYSTEM, **files}), user="app"))
    assert len(found) == 1002
    assert sum("100 more places" in one.message for one in found) == 2


def test_an_image_for_windows_has_no_modes():
    assert told({"x": executable(mode=0o4777)}, platform="windows/amd64") == {}


PATHS = st.sampled_from(["./", "etc/", "etc/cron.d/", "etc/passwd", "usr/bin/", "usr/bin/su", "a", "a/", "a/b", "a/b/"])
MODES = st.sampled_from([0o755, 0o777, 0o1777, 0o4755, 0o6777, 0o644, 0o666, 0])
KINDS = st.sampled_from(["file", "directory", "symlink", "hardlink"])


@given(
    st.lists(
        st.dictionaries(PATHS, st.tuples(MODES, KINDS, st.sampled_from([0, 1000, 1 << 40])), max_size=6), max_size=3
    ),
    st.sampled_from(["", "app", "1000", "ghost"]),
)
def test_any_modes_are_judged_and_each_place_is_told_once(layers, user):
    built = image(
        *(
            layer(
                {
                    path: file(b"x", mode=mode, kind=kind, uid=uid, linkname="a/b")
                    for path, (mode, kind, uid) in each.items()
                }
            )
            for each in layers
        ),
        user=user,
    )
    found = findings(built)
    assert len({one.fingerprint for one in found}) == len(found)
    writable = [one.location.path for one in found if "writable" in one.rule.id or "replaceable" in one.rule.id]
    assert len(set(writable)) == len(writable)
