"""What is looked for in containers: the rules of family `container`, each with its number in the CIS Docker Benchmark.

Numbers are those of CIS Docker Benchmark 1.6.0, section 5 (container runtime), where it has one, else of section 4.
"""

from __future__ import annotations

from imgscan.report import Rule, Severity
from imgscan.report.container import BENCHMARK


def _rule(name: str, cis: str, severity: Severity, *texts: str) -> Rule:
    """`texts` are the title, why it matters, and what to do."""
    title, explanation, remediation = texts
    where = f" {BENCHMARK}: {cis}." if cis else f" {BENCHMARK} has no item for it."
    return Rule(f"container/{name}", title, severity, explanation + where, remediation)


PRIVILEGED = _rule(
    "privileged", "5.5", Severity.HIGH, "Privileged container",
    "--privileged gives all capabilities and all devices and takes seccomp and AppArmor away: who controls the "
    "container mounts the host's disk and controls the host.",
    "Run without --privileged; give the one device (--device) or capability (--cap-add) it needs.",
)  # fmt: skip
ENGINE_SOCKET = _rule(
    "engine-socket", "5.32", Severity.HIGH, "Socket of the container engine inside",
    "Who can write to the engine's socket starts a privileged container and is root on the host. Mounting it "
    "read-only changes nothing: requests go through a socket either way.",
    "Leave the socket out; where a program must see containers, put a proxy in front that lets reading requests pass.",
)  # fmt: skip
SENSITIVE_MOUNT = _rule(
    "sensitive-mount", "5.6", Severity.HIGH, "Sensitive directory of the host inside",
    "Files of the host's system in a container can be read by whoever breaks into it, and where the mount is "
    "writable be changed: a line in /etc, /root or a cron directory is enough to leave the container.",
    "Mount the one file or directory that is needed, read-only, or use a named volume.",
)  # fmt: skip
MOUNT_PROPAGATION = _rule(
    "mount-propagation", "5.20", Severity.MEDIUM, "Mounts made inside reach the host",
    "With shared propagation a mount that the container makes appears on the host too, and in its other containers.",
    "Use the default (rprivate), or rslave where the container must see new mounts of the host.",
)  # fmt: skip
HOST_NETWORK = _rule(
    "host-network", "5.10", Severity.HIGH, "Network of the host",
    "The container has the host's interfaces: it reaches services that listen on the host's loopback alone, can take "
    "any port, and with NET_RAW reads traffic.",
    "Use a network of its own and publish the ports it serves.",
)  # fmt: skip
HOST_PID = _rule(
    "host-pid", "5.16", Severity.HIGH, "Processes of the host",
    "The container sees all processes of the host with their arguments, and as root reaches their files through /proc.",
    "Leave --pid host out; to look at one other container use --pid container:NAME.",
)  # fmt: skip
HOST_IPC = _rule(
    "host-ipc", "5.17", Severity.HIGH, "Shared memory of the host",
    "Shared memory and semaphores of the host's programs can be read and changed from inside.",
    "Leave --ipc host out; containers that share memory do it with --ipc container:NAME.",
)  # fmt: skip
HOST_UTS = _rule(
    "host-uts", "5.21", Severity.MEDIUM, "Host name of the host",
    "With the host's UTS namespace a process with SYS_ADMIN renames the host.",
    "Leave --uts host out; --hostname gives the container a name.",
)  # fmt: skip
HOST_USER_NAMESPACE = _rule(
    "host-user-namespace", "5.31", Severity.MEDIUM, "The engine's user namespaces switched off",
    "The engine maps root of containers to an unprivileged account; this container is exempt, its root is the host's.",
    "Leave --userns host out.",
)  # fmt: skip
ROOT_USER = _rule(
    "root-user", "4.1", Severity.HIGH, "Runs as root",
    "A process that is root inside is uid 0 for the host's kernel as well, unless user namespaces are in use: it reads "
    "and writes what the container has mounted, and a flaw of kernel or runtime makes it root of the host. Without "
    "its capabilities it can do far less.",
    "Set USER in the image or --user UID:GID; until then --cap-drop ALL.",
)  # fmt: skip
CAPABILITIES = _rule(
    "capabilities", "5.4", Severity.MEDIUM, "Default capabilities kept",
    "A container starts with about 14 parts of root's power (changing owners, raw sockets, other users' files). "
    "Most services need none of them; a process that is not root gets at them through a setuid program.",
    "--cap-drop ALL, and --cap-add for what it then misses; `imgscan harden IMAGE` derives them.",
)  # fmt: skip
ADDED_CAPABILITIES = _rule(
    "added-capabilities", "5.4", Severity.MEDIUM, "Capabilities beyond the default",
    "Added capabilities widen what a broken-into container can do to the host: SYS_ADMIN, SYS_MODULE, SYS_PTRACE, "
    "SYS_RAWIO, DAC_READ_SEARCH, BPF and others are ways out of it, and count as high.",
    "Leave --cap-add out, or add the one capability that the program names when it fails.",
)  # fmt: skip
NEW_PRIVILEGES = _rule(
    "new-privileges", "5.26", Severity.MEDIUM, "Processes may gain privileges",
    "Without no-new-privileges a setuid program in the image makes a root process of an unprivileged one.",
    "--security-opt no-new-privileges, or \"no-new-privileges\": true in the engine's daemon.json for all containers.",
)  # fmt: skip
SECCOMP = _rule(
    "seccomp", "5.22", Severity.MEDIUM, "System calls are not filtered",
    "The default seccomp profile blocks some 40 system calls that containers do not need and exploits do.",
    "Leave seccomp=unconfined out, or give a profile of your own: --security-opt seccomp=FILE.",
)  # fmt: skip
APPARMOR = _rule(
    "apparmor", "5.2", Severity.MEDIUM, "No AppArmor profile",
    "AppArmor's docker-default profile denies writing to most of /proc and /sys and mounting, also to root inside.",
    "Leave apparmor=unconfined out; on a host without AppArmor or SELinux, switch one of them on.",
)  # fmt: skip
SELINUX = _rule(
    "selinux", "5.3", Severity.MEDIUM, "SELinux separation switched off",
    "With label=disable the process runs without the label that keeps it from the host's and other containers' files.",
    "Leave label=disable out; relabel a mounted directory with :Z or :z.",
)  # fmt: skip
UNMASKED_PATHS = _rule(
    "unmasked-paths", "", Severity.HIGH, "Kernel files unmasked",
    "With systempaths=unconfined what runtimes hide is there: /proc/kcore shows the memory, /proc/sysrq-trigger "
    "restarts the host, /proc/sys changes its kernel.",
    "Leave --security-opt systempaths=unconfined out.",
)  # fmt: skip
WRITABLE_ROOT = _rule(
    "writable-root", "5.13", Severity.MEDIUM, "Root file system is writable",
    "An intruder can change the program, add tools and keep them over restarts of the process.",
    "--read-only, with --tmpfs or a volume for what it must write; `imgscan harden IMAGE` derives the places.",
)  # fmt: skip
MEMORY = _rule(
    "memory", "5.11", Severity.MEDIUM, "Memory is not limited",
    "One container can take all memory of the host; the kernel then ends processes of others.",
    "--memory SIZE, above what it needs at its peak.",
)  # fmt: skip
CPU = _rule(
    "cpu", "5.12", Severity.LOW, "CPU is not limited",
    "A busy or hijacked container (a miner) slows down everything else on the host.",
    "--cpus NUMBER, or --cpu-shares where a share is enough.",
)  # fmt: skip
PIDS = _rule(
    "pids", "5.29", Severity.LOW, "Processes are not limited",
    "A fork bomb inside exhausts the process table of the host.",
    "--pids-limit NUMBER: 100 suits most services.",
)  # fmt: skip
ULIMITS = _rule(
    "ulimits", "5.19", Severity.LOW, "Unlimited ulimits",
    "An explicit ulimit without end takes away what the engine's default would hold back.",
    "Give a number: --ulimit nofile=SOFT:HARD.",
)  # fmt: skip
DEVICES = _rule(
    "devices", "5.18", Severity.MEDIUM, "Devices of the host inside",
    "A device can be read and written without regard to the host's file permissions; a disk or /dev/mem is the whole "
    "host, and counts as high.",
    "Leave --device out, or give the rights that are needed: --device /dev/x:/dev/x:r.",
)  # fmt: skip
PORT_ON_ALL_ADDRESSES = _rule(
    "port-on-all-addresses", "5.14", Severity.LOW, "Port published on all addresses",
    "-p 3000:3000 listens on every interface of the host and passes by its firewall: Docker writes its own rules.",
    "Name the address: -p 127.0.0.1:3000:3000 behind a proxy on the host, or the address that clients use.",
)  # fmt: skip
PRIVILEGED_PORT = _rule(
    "privileged-port", "5.8", Severity.INFO, "Port below 1024 published",
    "Ports below 1024 are those of the host's own services; clients trust what answers there.",
    "Publish it where this is the service meant to answer there; else on a port from 1024 on.",
)  # fmt: skip
UNEXPECTED_PORT = _rule(
    "unexpected-port", "5.9", Severity.LOW, "Port published that the image does not name",
    "The image's EXPOSE says what its service listens on; a port beside those is one that nobody described.",
    "Publish what is needed only, or name it in the image with EXPOSE.",
)  # fmt: skip
DEFAULT_BRIDGE = _rule(
    "default-bridge", "5.30", Severity.INFO, "Default network",
    "All containers on the default bridge (docker0) reach one another on any port.",
    "Make a network for those that belong together: docker network create, --network NAME.",
)  # fmt: skip
RESTART_POLICY = _rule(
    "restart-policy", "5.15", Severity.INFO, "Restarted without end",
    "A container that fails at once and is restarted without end uses up the host and hides that it fails.",
    "--restart on-failure:5, or an orchestrator that backs off.",
)  # fmt: skip
HEALTH_CHECK = _rule(
    "no-health-check", "5.27", Severity.LOW, "Nobody asks whether it is well",
    "Without a health check a process that hangs counts as running.",
    "HEALTHCHECK in the image, or --health-cmd.",
)  # fmt: skip
UNHEALTHY = _rule(
    "unhealthy", "5.27", Severity.MEDIUM, "Unhealthy",
    "The container's own health check fails.",
    "docker inspect --format '{{json .State.Health}}' NAME shows what the check said.",
)  # fmt: skip
CGROUP_PARENT = _rule(
    "cgroup-parent", "5.25", Severity.LOW, "Runs in another cgroup",
    "Limits are those of the cgroup named with --cgroup-parent, which may have none.",
    "Leave --cgroup-parent out unless the orchestrator sets it.",
)  # fmt: skip
OUTDATED_IMAGE = _rule(
    "outdated-image", "5.28", Severity.LOW, "The image was replaced since",
    "The name that the container was started from means another image by now: what was mended there is not in it.",
    "Start it again from the image that the name means now.",
)  # fmt: skip
SSH_SERVER = _rule(
    "ssh-server", "5.7", Severity.MEDIUM, "SSH server inside",
    "A second way in, with keys and accounts that nobody manages with the image; docker exec does the same with the "
    "host's own controls.",
    "Leave sshd out of the image.",
)  # fmt: skip
PRIVILEGED_EXEC = _rule(
    "privileged-exec", "5.23", Severity.HIGH, "Privileged docker exec",
    "A session that was opened with docker exec --privileged has all capabilities, whatever the container was started "
    "with.",
    "End the session; open it without --privileged.",
)  # fmt: skip
ROOT_EXEC = _rule(
    "root-exec", "5.24", Severity.LOW, "docker exec as root",
    "A session of root in a container whose service is not root undoes that: it may change what the service runs.",
    "End the session; leave --user root out of docker exec.",
)  # fmt: skip
ENV_SECRET = _rule(
    "env-secret", "4.10", Severity.HIGH, "Secret in the container's environment",
    "docker inspect prints it to whoever may use the engine, each process of the container inherits it, "
    "/proc/PID/environ shows it on the host, and programs write it to logs and crash reports. Its severity is that of "
    "the secret's kind.",
    "Mount it as a file (docker secret, --mount type=bind,readonly, a tmpfs filled at start) and name that file; many "
    "images take NAME_FILE for it.",
)  # fmt: skip
COMMAND_SECRET = _rule(
    "command-secret", "4.10", Severity.HIGH, "Secret in the container's command line",
    "Everybody on the host reads command lines in the list of processes; docker ps and docker inspect print them too.",
    "Give it in a file, and the file's name on the command line.",
)  # fmt: skip
WRITTEN_SECRET = _rule(
    "written-secret", "", Severity.HIGH, "Secret written by the container",
    "It lies unencrypted in the engine's storage until the container is removed, and docker commit or docker export "
    "take it along. Its severity is that of the secret's kind.",
    "Keep it in a tmpfs or a volume of its own, and run the container with --read-only.",
)  # fmt: skip
CHANGED_PROGRAM = _rule(
    "changed-program", "", Severity.HIGH, "Program changed since the start",
    "A program or library of the image has other bytes than in the image: what runs is no longer what was scanned. "
    "Updates in a running container look the same as an intruder's work.",
    "Find out who did it; then start the container again from its image, with --read-only.",
)  # fmt: skip
NEW_PROGRAM = _rule(
    "new-program", "", Severity.MEDIUM, "Executable that the image does not have",
    "An executable file was written since the start: fetched by an entry point, or by an intruder.",
    "Build it into the image and run the container with --read-only; a place it must write to can be noexec (--tmpfs).",
)  # fmt: skip
GAINED_RIGHTS = _rule(
    "gained-rights", "4.8", Severity.HIGH, "Program that runs with its owner's rights since the start",
    "A setuid or setgid bit was set on a program while the container ran: a way back to root that outlives what broke "
    "in. No service does that to itself.",
    "Find out who did it; start the container again from its image, with --read-only and no-new-privileges.",
)  # fmt: skip
CHANGED_SYSTEM_FILE = _rule(
    "changed-system-file", "", Severity.HIGH, "Accounts or start-up files changed since the start",
    "Accounts, sudo rules, SSH keys, cron entries, preloaded libraries and shell profiles decide who gets in and what "
    "is started; a running service has no reason to change them.",
    "Find out who did it; then start the container again from its image, with --read-only.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    PRIVILEGED, ENGINE_SOCKET, SENSITIVE_MOUNT, MOUNT_PROPAGATION, HOST_NETWORK, HOST_PID, HOST_IPC, HOST_UTS,
    HOST_USER_NAMESPACE, ROOT_USER, CAPABILITIES, ADDED_CAPABILITIES, NEW_PRIVILEGES, SECCOMP, APPARMOR, SELINUX,
    UNMASKED_PATHS, WRITABLE_ROOT, MEMORY, CPU, PIDS, ULIMITS, DEVICES, PORT_ON_ALL_ADDRESSES, PRIVILEGED_PORT,
    UNEXPECTED_PORT, DEFAULT_BRIDGE, RESTART_POLICY, HEALTH_CHECK, UNHEALTHY, CGROUP_PARENT, OUTDATED_IMAGE, SSH_SERVER,
    PRIVILEGED_EXEC, ROOT_EXEC,
    ENV_SECRET, COMMAND_SECRET, WRITTEN_SECRET, CHANGED_PROGRAM, NEW_PROGRAM, GAINED_RIGHTS,
    CHANGED_SYSTEM_FILE,
)  # fmt: skip
