"""The rules on what RUN steps did."""

from __future__ import annotations

from imgscan.report import Rule, Severity

UPDATE_ALONE = Rule(
    "image-hygiene/update-alone",
    "Package lists are updated in a step of their own",
    Severity.LOW,
    "The step stays in the build cache while its text does: a later step that installs then goes by lists that may be "
    "months old, and gets old packages or none. The lists themselves stay in a layer of their own.",
    "Join it with the installation: RUN apt-get update && apt-get install -y --no-install-recommends ... && rm -rf "
    "/var/lib/apt/lists/*; with apk, apk add --no-cache needs no update.",
)
PIPED = Rule(
    "image-hygiene/piped-installer",
    "A download is run as it comes",
    Severity.LOW,
    "curl | sh runs whatever the server answers at that moment, as root, and leaves no copy to look at. Nothing says "
    "what was run in this build, and a connection that breaks runs half of it.",
    "Fetch a fixed version into a file, compare its checksum (sha256sum -c) and then run it; better, install a package "
    "or copy the program from an image with a digest (COPY --from=...@sha256:...).",
)
UNVERIFIED = Rule(
    "image-hygiene/unverified-download",
    "A download is used unchecked",
    Severity.LOW,
    "Nothing in the step compares the file with a checksum or a signature, so a server that was taken over, or a "
    "release that was replaced, ends up in the image without a trace.",
    "Give the checksum in the Dockerfile and compare it in the same RUN: echo 'SHA256  FILE' | sha256sum -c -; or ADD "
    "--checksum=sha256:... URL; or check the publisher's signature.",
)
UNPINNED_DOWNLOAD = Rule(
    "image-hygiene/unpinned-download",
    "A download has no fixed version",
    Severity.LOW,
    "`latest`, a branch or a nightly build is something else after each release: two builds of one Dockerfile differ, "
    "and nobody can say later what is in this one.",
    "Name a version, a tag or a commit, as an ARG that an update tool can raise, and compare the checksum.",
)
UNPINNED_PACKAGE = Rule(
    "image-hygiene/unpinned-package",
    "Packages are installed without a version",
    Severity.LOW,
    "Each build takes what is newest that day. Two builds differ, and a release that was broken or taken over is "
    "installed at once.",
    "Name the version (pip NAME==1.2.3, npm NAME@1.2.3, gem -v), or install from a lock file: npm ci, pip install "
    "--require-hashes -r requirements.txt, uv sync --locked.",
)
TLS_OFF = Rule(
    "image-hygiene/tls-check-off",
    "The check of certificates is switched off",
    Severity.LOW,
    "Without it anyone on the way can answer in the server's place, and what he answers is in the image. Switched off "
    "in ENV or a configuration, it stays off in the container.",
    "Leave the check on. For a server with a certificate of your own, add its authority: COPY ca.crt "
    "/usr/local/share/ca-certificates/ and RUN update-ca-certificates.",
)
SIGNATURES_OFF = Rule(
    "image-hygiene/signature-check-off",
    "Packages are installed without checking who signed them",
    Severity.LOW,
    "A package's signature is what ties it to its distribution. Without the check a mirror, a proxy or anyone on the "
    "way can put another one in its place.",
    "Import the repository's key (signed-by=, rpm --import, apk's /etc/apk/keys) and install without the option.",
)
SUDO = Rule(
    "image-hygiene/sudo",
    "sudo in the build",
    Severity.LOW,
    "Steps of a build run as root, or as the user that USER names: sudo adds nothing there. It has to be installed, "
    "with a setuid program and a rule that lets somebody become root, and all that stays in the image.",
    "Switch with USER root before and USER NAME after what needs root; where a program must start as another user, "
    "use gosu, su-exec or setpriv. Then leave sudo out.",
)
CHMOD = Rule(
    "image-hygiene/chmod-777",
    "Files are made writable for everybody",
    Severity.LOW,
    "Whoever gets into the container as any user can replace what others run. It mostly hides a missing owner, and a "
    "chmod of its own stores all files once more.",
    "Give the files to who needs them: COPY --chown=USER:GROUP, and modes 755 and 644; for directories that several "
    "users write, a group and 2775.",
)
DIST_UPGRADE = Rule(
    "image-hygiene/dist-upgrade",
    "The distribution is upgraded in the build",
    Severity.LOW,
    "A dist-upgrade may remove packages, bring a new release and replaces most of the base image: each replaced file "
    "is stored twice, and what the tag of the base says is no longer what is inside.",
    "Start FROM a newer base image and rebuild on its updates; for single fixes install those packages by name.",
)
RECOMMENDS = Rule(
    "image-hygiene/recommended-packages",
    "Recommended packages are installed too",
    Severity.LOW,
    "apt-get install also brings what the wanted packages merely recommend: often documentation tools, mail programs "
    "or an editor, each with bytes and vulnerabilities of its own.",
    "apt-get install -y --no-install-recommends PACKAGE..., and name what is really missed.",
)
RULES = (
    *(UPDATE_ALONE, PIPED, UNVERIFIED, UNPINNED_DOWNLOAD, UNPINNED_PACKAGE, TLS_OFF, SIGNATURES_OFF, SUDO, CHMOD),
    *(DIST_UPGRADE, RECOMMENDS),
)
