"""The rules on an image's settings."""

from __future__ import annotations

from imgscan.report import Rule, Severity

LATEST = Rule(
    "image-hygiene/latest-tag",
    "The image has no tag but latest",
    Severity.LOW,
    "`latest` is only the tag that is taken where none is given. What it names changes with every push: nobody can say "
    "which version runs, two machines may run different ones, and there is nothing to go back to.",
    "Tag each build with a version or a commit (docker build -t NAME:1.4.2), and deploy by that or by digest.",
)
SHELL_FORM = Rule(
    "image-hygiene/shell-form",
    "The application is started through a shell",
    Severity.LOW,
    "With CMD npm start or ENTRYPOINT app the process with number 1 is /bin/sh. It does not pass SIGTERM on, so that "
    "docker stop waits ten seconds and kills, and the image needs a shell to start at all.",
    'Write the list form: CMD ["node", "app.js"]; where a shell is needed, let it end with exec.',
)
INSTALLER = Rule(
    "image-hygiene/started-by-installer",
    "The application is started through its package manager",
    Severity.LOW,
    "npm start, yarn start or mvn exec only look up a command and start it. For that the package manager has to be in "
    "the image, with all that an attacker can install with it, and it may swallow the signals that stop a container.",
    'Start the program itself, CMD ["node", "app.js"], on a base image without the package manager.',
)
ON_BUILD = Rule(
    "image-hygiene/on-build",
    "Instructions for other people's builds",
    Severity.LOW,
    "ONBUILD runs in the build of whoever starts FROM this image, without standing in their Dockerfile: files are "
    "copied and commands run that they may not know of.",
    "Write the instructions into the Dockerfiles that need them; a final image should have no ONBUILD.",
)
PRIVILEGED_PORT = Rule(
    "image-hygiene/privileged-port",
    "The application listens on a privileged port",
    Severity.LOW,
    "Ports below 1024 are for root and CAP_NET_BIND_SERVICE wherever the runtime does not lift that (Docker lifts it, "
    "many Kubernetes nodes do not). So an image that listens there is often run as root for that reason alone.",
    "Listen on a port from 1024 on, such as 8080, and publish it as 80: docker run -p 80:8080.",
)
ADMIN_PORT = Rule(
    "image-hygiene/remote-access-port",
    "A port for remote access is exposed",
    Severity.LOW,
    "A container that runs an SSH server has a second service to update, with passwords or keys of its own, and lets "
    "people change what should be rebuilt.",
    "Leave the server out and use docker exec or kubectl exec, which the platform authenticates and logs.",
)
VOLUME = Rule(
    "image-hygiene/sensitive-volume",
    "A volume over a directory of the system",
    Severity.LOW,
    "What VOLUME names is writable even with a read-only root file system, is filled with the image's files once and "
    "then kept over updates. Over a directory of the system, programs and settings of an old image go on running in a "
    "new one; over /proc, /sys or /dev containers do not start or see the host's.",
    "Name directories of the application's data alone, such as /var/lib/NAME or /data.",
)
NO_WORKDIR = Rule(
    "image-hygiene/no-workdir",
    "No working directory is set",
    Severity.LOW,
    "Without WORKDIR relative places are meant from the root directory, or from wherever the base image's next release "
    "sets its own, and the application's files lie among those of the system.",
    "Set WORKDIR /app before the first COPY, as an absolute path.",
)
SYSTEM_WORKDIR = Rule(
    "image-hygiene/system-workdir",
    "The working directory belongs to the system",
    Severity.LOW,
    "An application that runs in a directory of the distribution writes there, needs rights on it, and may be loaded "
    "or replaced by what the system keeps in it.",
    "Give the application a directory of its own: WORKDIR /app or /opt/NAME.",
)
OLD = Rule(
    "image-hygiene/old-image",
    "The image was built more than a year ago",
    Severity.LOW,
    "An image gets no updates: it has the packages of the day it was built, with what has been found in them since. "
    "An old build also is often one that nobody can repeat.",
    "Rebuild it from an updated base image (docker build --pull --no-cache), and do so on a schedule.",
)
RULES = (
    *(LATEST, SHELL_FORM, INSTALLER, ON_BUILD, PRIVILEGED_PORT, ADMIN_PORT, VOLUME, NO_WORKDIR, SYSTEM_WORKDIR, OLD),
)
