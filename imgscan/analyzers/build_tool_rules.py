"""The rules of `build-tool`: one a class of program."""

from __future__ import annotations

from imgscan.report import Rule, Severity, ToolClass

_STAGES = "Use it in a build stage and copy only the results into the final one (FROM ... AS build, COPY --from=build)"


def _rule(tool_class: ToolClass, severity: Severity, title: str, explanation: str, remediation: str) -> Rule:
    return Rule(f"build-tool/{tool_class.replace(' ', '-').lower()}", title, severity, explanation, remediation)


RULES: dict[ToolClass, Rule] = {
    rule_class: _rule(rule_class, severity, title, explanation, remediation)
    for rule_class, severity, title, explanation, remediation in (
        (
            ToolClass.COMPILER,
            Severity.MEDIUM,
            "Compiler in the image",
            "Who gets to run commands in the container can build exploits for exactly this kernel and libc on the "
            "spot. Compilers are also the largest dead weight of most images, and bring the most advisories.",
            f"{_STAGES}, or start the final stage from a -slim or runtime variant of the base image.",
        ),
        (
            ToolClass.LINKER,
            Severity.LOW,
            "Linker in the image",
            "Linkers and archivers are of use to a compiler only: alone they are a leftover of a build, together "
            "with a code generator an attacker's tool.",
            f"{_STAGES}; on Debian the package is binutils, on Alpine binutils or build-base.",
        ),
        (
            ToolClass.BUILD_SYSTEM,
            Severity.LOW,
            "Build system in the image",
            "A build system has no task at run time. It tells that the image is the one it was built in, sources, "
            "caches and credentials of the build often included.",
            f"{_STAGES}.",
        ),
        (
            ToolClass.PACKAGE_MANAGER,
            Severity.MEDIUM,
            "Package manager in the image",
            "With a package manager and a network an attacker installs any tool that the image does not have. "
            "Containers are replaced, not upgraded: the service itself never needs one.",
            "Build the final stage on an image without one (distroless, chiselled, scratch), or remove it in the last "
            "RUN that needs it. A read-only root file system and an unprivileged user keep it from being of use.",
        ),
        (
            ToolClass.LANGUAGE_INSTALLER,
            Severity.LOW,
            "Language package installer in the image",
            "Installers of language packages fetch and run code from public registries, install scripts included. "
            "At run time nothing should be installed any more.",
            f"{_STAGES}: node_modules, a virtual environment or vendor directory without the installer; or remove the "
            "installer in the final stage.",
        ),
        (
            ToolClass.VERSION_CONTROL,
            Severity.MEDIUM,
            "Version control in the image",
            "A version control client fetches code, pushes data out over HTTPS or SSH, runs hooks, and looks for "
            "credentials in files and helpers. It is a frequent cause of copied .git directories.",
            f"{_STAGES}; or fetch the sources outside of the build (ADD of a git URL, a build context).",
        ),
        (
            ToolClass.DOWNLOADER,
            Severity.MEDIUM,
            "Downloader in the image",
            "The first command of nearly every intrusion fetches the second one. Without a downloader a foothold is "
            "much harder to use, and data is harder to send out.",
            f"{_STAGES}, or use ADD, which needs no program in the image. A health check can be made by the service's "
            "own runtime instead of curl.",
        ),
        (
            ToolClass.REMOTE_SHELL,
            Severity.LOW,
            "Remote login or copy program in the image",
            "Clients move an attacker on to other machines, with whatever keys and agents are at hand; a server is a "
            "second way into the container that no orchestrator knows of.",
            "Remove it: docker exec and kubectl exec give a shell, volumes and object stores move files.",
        ),
        (
            ToolClass.NETWORK_TOOL,
            Severity.LOW,
            "Network tool in the image",
            "Tools that look round in a network or carry connections serve whoever explores it from a compromised "
            "container, and hardly the service.",
            "Leave it out, and debug with an ephemeral container that has it (kubectl debug, docker debug).",
        ),
        (
            ToolClass.DEBUGGER,
            Severity.LOW,
            "Debugger in the image",
            "Debuggers and tracers read the memory of processes, keys and tokens included, where the kernel's "
            "settings and the capabilities allow it.",
            "Leave it out, and debug with an ephemeral container that shares the process namespace.",
        ),
        (
            ToolClass.CONTAINER_CLI,
            Severity.LOW,
            "Container or cluster client in the image",
            "With a mounted socket or a service account token such a client controls the host or the cluster. In a "
            "service's image it has no task.",
            "Leave it out unless the image's purpose is to manage containers; then give its account least rights.",
        ),
        (
            ToolClass.CLOUD_CLI,
            Severity.LOW,
            "Cloud client in the image",
            "A cloud client finds the credentials of the instance's metadata service by itself, and turns a foothold "
            "in one container into one in the account.",
            "Use the service's own SDK with a narrow role, and leave the client to the pipeline.",
        ),
        (
            ToolClass.EDITOR,
            Severity.INFO,
            "Editor in the image",
            "An editor is harmless alone. It tells that the image is changed or debugged by hand.",
            "Leave it out: what is edited in a container is lost with it.",
        ),
        (
            ToolClass.SHELL,
            Severity.INFO,
            "Shell in the image",
            "Most ways to run commands in a container need a shell. Most images need one as well, for their entry "
            "point; where none is needed, its absence is a strong protection.",
            "Where the entry point is a program in exec form, consider a base image without a shell (distroless, "
            "scratch).",
        ),
    )
}
