"""The rules of `account`, and the accounts that distributions ship so."""

from __future__ import annotations

from imgscan.report import Rule, Severity

EMPTY_PASSWORD = Rule(
    id="account/empty-password",
    title="Account without a password",
    severity=Severity.HIGH,
    explanation=(
        "The password of this account is empty, in /etc/passwd or /etc/shadow: su, login and the like let everybody in "
        "without asking. As root it is a way from any user of the container to root. Severity: high where the image "
        "has what lets in by passwords (a setuid su or login, an SSH, FTP or telnet server), else medium. "
        "Hashes of passwords are secrets, told as file-secret/password-hash with their scheme and whether it is weak."
    ),
    remediation="Lock the account (passwd -l NAME, or a * in the second field of /etc/shadow), or delete it.",
)
SECOND_ROOT = Rule(
    id="account/second-root",
    title="Another account with uid 0",
    severity=Severity.HIGH,
    explanation=(
        "The kernel knows numbers only: an account with uid 0 is root, whatever it is called, with a password, a shell "
        "and keys of its own. No distribution ships one; it is a back door, or a mistake."
    ),
    remediation="Give the account a uid of its own, or delete it.",
)
DUPLICATE_UID = Rule(
    id="account/duplicate-uid",
    title="Several accounts with one uid",
    severity=Severity.MEDIUM,
    explanation=(
        "Accounts that share a uid are one user for the kernel: each may change and delete the other's files and stop "
        "its processes, although they look apart. ls and ps show the first of the names only."
    ),
    remediation="Give each account a uid of its own (useradd --uid), and chown what the other one had.",
)
DUPLICATE_GID = Rule(
    id="account/duplicate-gid",
    title="Several groups with one gid",
    severity=Severity.MEDIUM,
    explanation=(
        "Groups that share a gid are one group for the kernel: who is in one has the rights of all, and listings show "
        "the first name only."
    ),
    remediation="Give each group a gid of its own (groupadd --gid), and chgrp what the other one had.",
)
DUPLICATE_NAME = Rule(
    id="account/duplicate-name",
    title="One account name for several uids",
    severity=Severity.MEDIUM,
    explanation=(
        "A name stands twice in /etc/passwd, with different uids. Most programs take the first line, some tools edit "
        "the last: who this user is depends on who asks."
    ),
    remediation="Keep one line of each name.",
)
SERVICE_SHELL = Rule(
    id="account/service-shell",
    title="Service account with a login shell",
    severity=Severity.MEDIUM,
    explanation=(
        "An account with a system uid (1 to 999) belongs to a service and needs no shell: one with a shell can be "
        "logged in to as soon as it has a password or a key. useradd --system sets /bin/sh unless told otherwise. "
        "The accounts that the image itself runs as, and those that distributions ship with a shell, are not told."
    ),
    remediation="Set its shell to nologin: usermod --shell /usr/sbin/nologin NAME, or useradd --shell at the start.",
)
SUDO = Rule(
    id="account/sudo-without-password",
    title="Root without a password, by sudo or doas",
    severity=Severity.HIGH,
    explanation=(
        "sudoers (NOPASSWD, !authenticate) or doas.conf (nopass) lets an account run commands as another user without "
        "a password. For all commands, the account is root: a container that runs as it runs as root. Severity: high "
        "where all commands are allowed and the program is in the image, else medium; a list of commands often is "
        "as good as all of them."
    ),
    remediation=(
        "Remove the line, and sudo with it: what needs root belongs before the last USER of the Dockerfile; run the "
        "container with --security-opt no-new-privileges."
    ),
)
PRIVILEGED_GROUP = Rule(
    id="account/privileged-group",
    title="Account in a group that is as good as root",
    severity=Severity.MEDIUM,
    explanation=(
        "Members of docker, lxd and disk are root as soon as the engine's socket or the disks are in the container; "
        "those of wheel, sudo and admin may become root where sudo, doas or su are set up as usual; those of root may "
        "change what is writable by root's group, and of shadow may read the hashes of passwords. The members that "
        "distributions ship (root, Alpine's adm in disk, operator, sync, halt, ...) are not told."
    ),
    remediation="Take the account out of the group (gpasswd -d NAME GROUP), or give it a primary group of its own.",
)
AUTHORIZED_KEYS = Rule(
    id="account/authorized-keys",
    title="Public keys that may log in",
    severity=Severity.MEDIUM,
    explanation=(
        "authorized_keys in an image lets whoever has the private halves into every container of it that runs sshd, "
        "and nobody notices when a key should no longer count. Severity: high for root's where the image has an SSH "
        "server, else medium."
    ),
    remediation=(
        "Keep keys out of the image: mount authorized_keys at run time, or do without SSH (docker exec, kubectl exec)."
    ),
)

LOGIN_SHELLS = frozenset({"", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "zsh"})
"""Names of shells that log in; an empty field means /bin/sh (passwd(5))."""
SHELLS_AS_SHIPPED = frozenset(
    {
        # base-passwd of Debian 7 and Ubuntu 12.04, and before.
        *(("daemon", 1), ("bin", 2), ("sys", 3), ("games", 5), ("man", 6), ("lp", 7), ("mail", 8), ("news", 9)),
        *(("uucp", 10), ("proxy", 13), ("www-data", 33), ("backup", 34), ("list", 38), ("irc", 39), ("gnats", 41)),
        *(("libuuid", 100), ("libuuid", 101)),
        # alpine-baselayout.
        *(("operator", 11), ("postgres", 70)),
    }
)
"""(name, uid) that distributions ship with /bin/sh; PostgreSQL's packages make postgres with a shell, with any uid."""

PRIVILEGED_GROUPS = {
    "root": "may change what root's group may",
    "wheel": "may become root by su, sudo or doas as usually set up",
    "sudo": "may become root by sudo as usually set up",
    "admin": "may become root by sudo as usually set up",
    "docker": "is root on the host where the engine's socket is mounted",
    "lxd": "is root on the host where the socket of LXD is mounted",
    "incus-admin": "is root on the host where the socket of Incus is mounted",
    "libvirt": "is root on the host where the socket of libvirt is mounted",
    "disk": "may read and write disks",
    "shadow": "may read the hashes of passwords",
    "kmem": "may read the kernel's memory",
}
"""Groups that are as good as root, with what a member may."""
MEMBERS_AS_SHIPPED = frozenset({("disk", "adm"), ("sys", "adm"), ("wheel", "root"), ("root", "toor")})
PRIMARY_ROOT_GROUP_AS_SHIPPED = frozenset(
    {("sync", 5), ("shutdown", 6), ("halt", 7), ("operator", 11), ("default", 1001)}
)
"""(name, uid) whose primary group is root's: in Red Hat's and Alpine's passwd, and in UBI's images for OpenShift."""
