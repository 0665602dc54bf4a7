"""Who gets in without a password, who is root besides root, who may become root; what distributions ship is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.analyzers.account import AccountAnalyzer
from imgscan.report import Finding, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import BuiltImage, executable, hardlink, image, layer, symlink

ROOT = "root:x:0:0:root:/root:/bin/bash\n"
# As the distributions ship them, shortened to the lines that are odd.
DEBIAN = {
    "etc/passwd": ROOT + "sync:x:4:65534:sync:/bin:/bin/sync\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
    "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nadm:x:4:\nsudo:x:27:\nshadow:x:42:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nsync:*:19000:0:99999:7:::\n_apt:!:19000::::::\n",
    "etc/sudoers": "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    "usr/bin/su": executable(),
}
DEBIAN_7 = {"etc/passwd": ROOT + "daemon:x:1:1::/usr/sbin:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n"}
ALPINE = {
    "etc/passwd": "root:x:0:0::/root:/bin/ash\noperator:x:11:0::/root:/bin/sh\nsync:x:5:0::/sbin:/bin/sync\n"
    "shutdown:x:6:0::/sbin:/sbin/shutdown\nhalt:x:7:0::/sbin:/sbin/halt\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n",
    "etc/group": "root:x:0:root\nsys:x:3:root,bin,adm\nadm:x:4:root,adm,daemon\ndisk:x:6:root,adm\nwheel:x:10:root\n",
    "etc/shadow": "root:*::0:::::\noperator:!::0:::::\n",
}
UBI = {
    "etc/passwd": ROOT + "operator:x:11:0:operator:/root:/sbin/nologin\nhalt:x:7:0:halt:/sbin:/sbin/halt\n"
    "default:x:1001:0:Default Application User:/opt/app-root/src:/sbin/nologin\n",
    "etc/group": "root:x:0:\nwheel:x:10:\n",
    "etc/sudoers": "root ALL=(ALL) ALL\n%wheel ALL=(ALL) ALL\n# %wheel ALL=(ALL) NOPASSWD: ALL\n",
}


def findings(built: BuiltImage) -> list[Finding]:
    return list(AccountAnalyzer().analyze(evidence_of(built)).findings)


def told(files, **config) -> list[tuple[str, Severity]]:
    """Rule (without the family) and severity of each finding."""
    return [(one.rule.id.partition("/")[2], one.severity) for one in findings(image(layer(files), **config))]


@pytest.mark.parametrize(
    "files", [DEBIAN, DEBIAN_7, ALPINE, UBI, {}], ids=["debian", "debian-7", "alpine", "ubi", "none"]
)
def test_what_distributions_ship_is_no_finding(files):
    assert told(files) == []


def test_an_empty_password_is_told_in_either_file_and_is_worse_where_something_lets_in_by_it():
    passwd = {"etc/passwd": ROOT + "app::1000:1000::/:/bin/sh\n"}
    assert told(passwd) == [("empty-password", Severity.MEDIUM)]
    assert told({**passwd, "bin/su": executable(mode=0o4755)}) == [("empty-password", Severity.HIGH)]
    assert told({**passwd, "bin/su": executable()}) == [("empty-password", Severity.MEDIUM)]  # su cannot become root
    assert told({**passwd, "usr/sbin/sshd": executable()}) == [("empty-password", Severity.HIGH)]
    shadow = {"etc/passwd": ROOT, "etc/shadow": "root:::0:::::\n", "bin/busybox": executable()}
    assert told({**shadow, "bin/su": symlink("busybox")}) == [("empty-password", Severity.MEDIUM)]
    assert told({**shadow, "usr/sbin/telnetd": hardlink("bin/busybox")}) == [("empty-password", Severity.MEDIUM)]
    assert told({**shadow, "bin/su": symlink("bbsuid"), "bin/bbsuid": executable(mode=0o4111)}) == [
        ("empty-password", Severity.HIGH)
    ]
    # Without an x in passwd nobody looks into shadow; an account that is not in passwd is none.
    assert told({"etc/passwd": "root:*:0:0::/:\n", "etc/shadow": "root:::::::\nold:::::::\n"}) == []


def test_another_account_with_uid_0_is_root():
    (one,) = findings(image(layer({"etc/passwd": ROOT + "toor:x:0:0::/root:/bin/sh\n"})))
    assert (one.rule.id, one.severity, one.location.name) == ("account/second-root", Severity.HIGH, "toor")
    assert told({"etc/passwd": "admin:x:0:0::/root:/bin/sh\n"}) == []  # the only one


def test_ids_and_names_that_are_there_twice_are_told_once_each():
    assert told({"etc/passwd": ROOT + "a:x:1001:1::/:\nb:x:1001:1::/:\nc:x:1001:1::/:\n"}) == [
        ("duplicate-uid", Severity.MEDIUM)
    ]
    assert told({"etc/group": "a:x:7:\nb:x:7:\n"}) == [("duplicate-gid", Severity.MEDIUM)]
    assert told({"etc/passwd": "a:x:1001:1::/:\na:x:1002:1::/:\n"}) == [("duplicate-name", Severity.MEDIUM)]
    assert told({"etc/passwd": "a:x:1001:1::/:\na:x:1001:1::/:\n"}) == []  # the same line again


@pytest.mark.parametrize(
    ("line", "config", "expected"),
    [
        ("backup:x:34:34::/:/bin/bash", {}, 1),
        ("svc:x:999:999::/:/bin/sh", {}, 1),
        ("svc:x:999:999::/:", {}, 1),  # an empty shell is /bin/sh
        ("svc:x:999:999::/:/bin/sh", {"user": "svc"}, 0),
        ("svc:x:999:999::/:/bin/sh", {"user": "999:999"}, 0),
        ("svc:x:999:999::/:/bin/sh", {"entrypoint": ["/start.sh"]}, 0),  # which hands over to svc
        ("postgres:x:105:108::/var/lib/postgresql:/bin/bash", {}, 0),
        ("svc:x:999:999::/:/usr/sbin/nologin", {}, 0),
        ("person:x:1000:1000::/home/person:/bin/bash", {}, 0),
    ],
)
def test_a_service_needs_no_shell(line, config, expected):
    files = {"etc/passwd": f"{ROOT}{line}\n"}
    if "entrypoint" in config:
        files["start.sh"] = executable("#!/bin/sh\nexec gosu svc app\n")
    assert told(files, **config) == [("service-shell", Severity.MEDIUM)] * expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("etc/sudoers", "app ALL=(ALL) NOPASSWD: ALL\n", [Severity.HIGH]),
        ("etc/sudoers.d/app", "app ALL=(ALL:ALL) NOPASSWD:ALL\n", [Severity.HIGH]),
        ("etc/sudoers.d/app", "%wheel ALL=(root) NOPASSWD: /usr/bin/apt-get\n", [Severity.MEDIUM]),
        ("etc/sudoers.d/app", "Defaults:app !authenticate\n", [Severity.HIGH]),
        ("etc/sudoers.d/app.bak", "app ALL=(ALL) NOPASSWD: ALL\n", []),  # sudo ignores names with a dot
        ("etc/sudoers", "# app ALL=(ALL) NOPASSWD: ALL\nroot ALL=(ALL) NOPASSWD: ALL\n", []),
        ("etc/sudoers", "app ALL=(ALL) PASSWD: ALL\n", []),
    ],
)
def test_sudo_without_a_password_is_root(path, text, expected):
    assert told({path: text, "usr/bin/sudo": executable()}) == [("sudo-without-password", each) for each in expected]
    # Without the program the line does nothing, as yet.
    assert [severity for _, severity in told({path: text})] == [Severity.MEDIUM] * len(expected)


def test_doas_without_a_password_is_root_too():
    (one,) = findings(image(layer({"etc/doas.conf": "# x\npermit nopass :wheel\n", "usr/bin/doas": executable()})))
    assert (one.rule.id, one.severity, one.location.line) == ("account/sudo-without-password", Severity.HIGH, 2)


@pytest.mark.parametrize("group", ["docker", "wheel", "sudo", "root", "disk", "shadow", "lxd"])
def test_members_of_privileged_groups_are_told(group):
    gid = 0 if group == "root" else 777
    assert told({"etc/group": f"{group}:x:{gid}:root,app\n"}) == [("privileged-group", Severity.MEDIUM)]
    primary = {"etc/passwd": f"{ROOT}app:x:1000:{gid}::/:/bin/sh\n", "etc/group": f"{group}:x:{gid}:\n"}
    assert told(primary) == [("privileged-group", Severity.MEDIUM)]


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody"


def test_public_keys_that_may_log_in_are_told_with_their_fingerprints():
    files = {"root/.ssh/authorized_keys": f"# keys\n{KEY}\n", "usr/sbin/sshd": executable()}
    (one,) = findings(image(layer(files)))
    assert (one.rule.id, one.severity) == ("account/authorized-keys", Severity.HIGH)
    assert "SHA256:" in one.message
    assert "somebody" not in one.message
    assert told({"home/app/.ssh/authorized_keys": KEY}) == [("authorized-keys", Severity.MEDIUM)]
    assert told({"root/.ssh/authorized_keys": "# none\n"}) == []


def test_the_layer_that_brought_the_account_is_named_and_a_deleted_file_says_nothing():
    built = image(
        layer({"etc/passwd": ROOT}, created_by="ADD rootfs"),
        layer({"etc/passwd": ROOT + "toor:x:0:0::/:/bin/sh\n"}, created_by="RUN echo toor"),
        layer({"etc/passwd": ROOT + "toor:x:0:0::/:/bin/sh\napp:x:1000:1000::/:\n"}, created_by="RUN useradd app"),
    )
    (one,) = findings(built)
    assert one.location.layer == 1
    assert one.added_by is not None
    assert one.added_by.instruction == "RUN echo toor"
    gone = layer({"etc/.wh.passwd": ""})
    assert findings(image(layer({"etc/passwd": ROOT + "toor:x:0:0::/:\n"}), gone)) == []


def test_thousands_of_accounts_are_counted():
    lines = "".join(f"u{n}:x:0:0::/:\n" for n in range(1000))
    found = findings(image(layer({"etc/passwd": ROOT + lines})))
    assert len(found) == 201
    assert "800 more" in found[-1].message


HASH = "$6$saltsalt$" + "Aa0./" * 17


LINES = st.sampled_from([f"a:{HASH}:0:0::/:", f"a:{HASH}:0:0::/:/bin/sh", f"b::7:7:{HASH}:/:", ":", "\udc80::1:1"])


@given(st.lists(LINES, max_size=6))
def test_no_hash_is_in_a_finding(lines):
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    for one in findings(image(layer(dict.fromkeys(["etc/passwd", "etc/shadow", "etc/group", "etc/sudoers"], text)))):
        assert HASH not in f"{one.message} {one.location.name}"
