"""The rules of `setuid-file`, and what its judgement knows of programs."""

from __future__ import annotations

from imgscan.report import Rule, Severity

SETUID = Rule(
    id="setuid-file/setuid",
    title="Program that runs as its owner, whoever starts it",
    severity=Severity.MEDIUM,
    explanation=(
        "The setuid bit lets every user of the container run a program as its owner, who is root nearly always. Each "
        "is a way from the container's user to root, by a bug or by design: a shell or interpreter with the bit makes "
        "everybody root. Severity: low for the ones that distributions ship so, where the package's checksums vouch "
        "for their bytes; high for shells, interpreters and tools that run or write anything as root; else medium."
    ),
    remediation=(
        "Remove the bit in the image (chmod u-s FILE, or RUN find / -xdev -perm -4000 -exec chmod a-s {} +), or the "
        "program; run the container with --security-opt no-new-privileges, under which the bit has no effect."
    ),
)
SETGID = Rule(
    id="setuid-file/setgid",
    title="Program that runs with its group's rights, whoever starts it",
    severity=Severity.MEDIUM,
    explanation=(
        "The setgid bit lets every user of the container run a program with the rights of its group: shadow reads "
        "password hashes, disk and docker are as good as root. Directories with the bit are harmless and not told. "
        "Severity: as for setuid, low for what a distribution ships so and has not changed."
    ),
    remediation="Remove the bit (chmod g-s FILE) or the program; no-new-privileges takes its effect away.",
)
CAPABILITY = Rule(
    id="setuid-file/file-capability",
    title="Program with capabilities of its own",
    severity=Severity.MEDIUM,
    explanation=(
        "A file capability (the extended attribute security.capability) gives part of root's rights to whoever starts "
        "the program, and no mode shows it. Severity: low for what a distribution ships so, with bytes that its "
        "package vouches for; high where the capabilities are as good as root (cap_setuid, cap_dac_override, "
        "cap_sys_admin, ...); else medium."
    ),
    remediation=(
        "Remove it with setcap -r FILE if the service does without; ports below 1024 need no capability where "
        "net.ipv4.ip_unprivileged_port_start is 0, as in containers of Docker."
    ),
)
DIRECTORY = Rule(
    id="setuid-file/world-writable-directory",
    title="Directory in which everybody may replace everything",
    severity=Severity.MEDIUM,
    explanation=(
        "Every user of the container may write to this directory, and without the sticky bit also delete and replace "
        "what others put there. It comes from chmod 777, mostly of a whole tree, where a chown to the one user who "
        "writes was meant. Directories with the sticky bit, like /tmp, are not told."
    ),
    remediation=(
        "Give the directory to the user who writes there (COPY --chown, chown) and take the others' right away (chmod "
        "-R o-w); a directory for everybody's temporary files needs chmod 1777."
    ),
)
FILE = Rule(
    id="setuid-file/world-writable-file",
    title="File that everybody may change",
    severity=Severity.MEDIUM,
    explanation=(
        "Every user of the container may change this file: a process that was broken into with few rights changes what "
        "others read or run. It comes from chmod -R 777, or from a build context on a file system without modes. "
        "Files in directories that everybody may write to are counted with their directory."
    ),
    remediation="Take the others' right to write away: chmod o-w, or COPY --chmod=0644.",
)
REPLACEABLE = Rule(
    id="setuid-file/replaceable",
    title="What is run in the container can be replaced by its user",
    severity=Severity.MEDIUM,
    explanation=(
        "The container's user (or everybody, where the container runs as root) may put something else in the place of "
        "what root, a shell or the entry point runs: whoever breaks into the service stays in it, and gets root "
        "as soon as root starts a shell or a job there. Severity: high for what is run as root or says who is who "
        "(cron, profile, the dynamic loader's files, libraries, passwd, sudoers), medium for PATH, the entry "
        "point and the packages of interpreters, low for the application's own script and for directories of PATH "
        "below the user's home or the working directory."
    ),
    remediation=(
        "Leave what is only read or run to root: COPY without --chown, chown for the data directories alone; or run "
        "the container with a read-only root file system (--read-only)."
    ),
)

_SHIPPED = """
arping at batch bbsuid bsd-write camel-lock-helper-1.2 cdda2wav chage chfn chrome-sandbox chsh clockdiff
crontab dbus-daemon-launch-helper doas dotlock.mailutils dotlockfile dumpcap exim4 expiry fping fusermount
fusermount3 gnome-keyring-daemon gpasswd grub2-set-bootsoftwaremode gst-ptp-helper httpd kismet_capture ksu
locate lockfile mail-lock mail-touchlock mail-unlock mlocate mount mount.cifs mount.davfs
mount.ecryptfs_private mount.nfs mtr mtr-packet netreport newgidmap newgrp newuidmap ntfs-3g nvidia-modprobe
opiepasswd opiesu pam_extrausers_chkpwd pam_timestamp_check passwd ping ping6 pkexec plocate
polkit-agent-helper-1 polkitd postdrop postqueue pppd procmail rcp rlogin rsh screen sendmail sg slocate
snap-confine squid ssh-agent ssh-keysign ssu staprun su sudo sudoedit suexec systemd-detect-virt traceroute
traceroute6.iputils umount unix2_chkpwd unix_chkpwd userhelper usernetctl utempter vlock-main wall write
write.ul Xorg.wrap Xwrapper
"""
SHIPPED = frozenset(_SHIPPED.split())
"""Names of programs that Debian, Ubuntu, Alpine, Red Hat, SUSE and their children ship with rights of their own."""

# Shells, interpreters, and what starts programs or writes files as it is told: https://gtfobins.github.io, SUID.
_RUNS_ANYTHING = """
ash awk base64 bash busybox cat chmod chown chroot cp csh curl dash dd docker ed emacs env expect find flock
gawk gdb git go ionice ip java jq ksh ld.so less ln lua make mawk more mv mysql nano nawk nice nmap node
nohup nsenter openssl perl php pip python rpm rsync ruby run-parts rvim sed setarch sh socat sqlite3
start-stop-daemon stdbuf strace tail tar taskset tclsh tee time timeout unshare vi vim watch wget xargs xxd
zip zsh
"""
RUNS_ANYTHING = frozenset(_RUNS_ANYTHING.split())
"""Programs that make everybody root when they run as root. Versions (`python3.11`) are taken off first."""
