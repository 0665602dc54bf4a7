"""The rules of `layer-anomaly`, and which problems of reading each of them tells."""

from __future__ import annotations

from imgscan.report import Rule, Severity

HIDDEN_DATA = Rule(
    id="layer-anomaly/hidden-data",
    title="Bytes in a layer that belong to no file",
    severity=Severity.HIGH,
    explanation=(
        "A layer holds bytes where no engine looks and nothing unpacks them: behind the end of the tar or of the "
        "compressed stream, or as the content of a whiteout. They travel with the image, and most scanners pass them "
        "by. The index that eStargz puts there is not told; whiteouts that hold a line break are medium."
    ),
    remediation="Find out which tool wrote the layer, look at what the bytes are, and build the image again.",
)
UNREFERENCED = Rule(
    id="layer-anomaly/unreferenced-blob",
    title="Layers in the archive that belong to no image",
    severity=Severity.HIGH,
    explanation=(
        "The archive carries layers that none of its images names: whoever loads it never sees them, whoever has the "
        "file has them. They were searched for secrets all the same. Severity: high where they hold files, medium "
        "where they hold none, and in layout directories, where earlier builds leave their layers."
    ),
    remediation="Save the image again with docker save, skopeo copy or the like, and throw the archive away.",
)
MISMATCH = Rule(
    id="layer-anomaly/digest-mismatch",
    title="Content is not what its digest, size or diff_id says",
    severity=Severity.MEDIUM,
    explanation=(
        "Manifests and configs name everything by its digest. Where the bytes have another one, they were changed or "
        "damaged after the image was built: a registry or engine refuses them, a tool that does not verify uses them."
    ),
    remediation="Fetch the image again from where it was built, by digest; if it is the same there, build it again.",
)
HISTORY = Rule(
    id="layer-anomaly/history-mismatch",
    title="Build history and layers contradict each other",
    severity=Severity.MEDIUM,
    explanation=(
        "The history names more or fewer layers than there are. It was edited, or layers were added, removed or "
        "squashed after the build by a tool that left it as it was: it no longer tells who brought what. An image "
        "without any history is not told; some builders write none."
    ),
    remediation="Build the image with a tool that keeps history and layers together, from a base you trust.",
)
IDLE_MARKER = Rule(
    id="layer-anomaly/idle-marker",
    title="Whiteouts that hide nothing",
    severity=Severity.MEDIUM,
    explanation=(
        "A whiteout deletes a path of the layers below. Here nothing is below: the layer was made for another base or "
        "was taken out of its place, or a tool wrote markers of its own (.wh. alone, .wh..wh.plnk), which some engines "
        "refuse and some scanners take for an order to delete the whole directory."
    ),
    remediation="Build the image again on the base it was made for; of what AUFS left, delete the .wh..wh.* entries.",
)
DUPLICATE = Rule(
    id="layer-anomaly/duplicate-entry",
    title="A path twice in one layer",
    severity=Severity.MEDIUM,
    explanation=(
        "One layer has several entries for a path, or a file and something below it. Engines let the last one win, "
        "some refuse the layer, and several scanners read the first: they look at other bytes than those that run. "
        "Severity: high where the entries have different content, of which one is hidden."
    ),
    remediation="Build the layer again; look at both versions first (imgscan files IMAGE PATH).",
)
NAME = Rule(
    id="layer-anomaly/deceptive-name",
    title="A name that escapes or deceives",
    severity=Severity.MEDIUM,
    explanation=(
        "A name with .. that leads out of the image's root (an attack on tools that unpack without care), with a NUL "
        "byte, with control characters or letters that change the direction of writing, or made of dots and blanks "
        "alone: what listings show is not what is there."
    ),
    remediation="Find out who made the file; build the layer again without it.",
)
MALFORMED = Rule(
    id="layer-anomaly/malformed-entry",
    title="Entries that tools read differently",
    severity=Severity.MEDIUM,
    explanation=(
        "Headers with numbers that are none, unknown types, broken or global pax headers, hard links to nothing: each "
        "tool makes something else of them, so what a scanner saw need not be what an engine unpacks."
    ),
    remediation="Build the layer again with a common tool.",
)
DEVICE = Rule(
    id="layer-anomaly/device-node",
    title="A device file outside of /dev",
    severity=Severity.MEDIUM,
    explanation=(
        "A device file gives access to a disk, memory or a driver under any name; images need none, as the runtime "
        "makes those of /dev. Character device 0:0 is a whiteout of overlayfs that was packed by hand and hides "
        "nothing elsewhere. Those in directories named dev (of chroots) are not told."
    ),
    remediation="Delete it from the image; give a container the devices it needs with --device.",
)
ABSURD_SIZE = Rule(
    id="layer-anomaly/absurd-size",
    title="A layer that unpacks to many times its size",
    severity=Severity.MEDIUM,
    explanation=(
        "The layer is small as stored and huge when unpacked: files of zeros, or an attempt to fill the disks of those "
        "who pull it. Programs and texts shrink to a third or a tenth, not to a two hundredth."
    ),
    remediation="Find the files with imgscan files, and leave out what is only a placeholder (swap, disk images).",
)
PACKAGE_FILE = Rule(
    id="layer-anomaly/package-file-changed",
    title="A package's file that is no longer the package's",
    severity=Severity.MEDIUM,
    explanation=(
        "The file belongs to a package of dpkg, apk or rpm, and is not what the package brought: a patch by hand, a "
        "COPY over it, stripped symbols, or a program that was replaced to hide something. The next upgrade undoes it, "
        "and scanners that go by the package's version judge the wrong bytes. Two things are compared: the package's "
        "checksum, for the programs that everybody trusts (shells, su, sshd, libc, ...) and those with rights of their "
        "own; and for all files whether a layer above replaced them while the package's records stayed the same. "
        "Files below etc and var are settings and state, and not told."
    ),
    remediation="Install the package again (apt-get install --reinstall, apk fix), and put own versions in /usr/local.",
)

RULES = (
    *(HIDDEN_DATA, UNREFERENCED, MISMATCH, HISTORY, IDLE_MARKER, DUPLICATE, NAME, MALFORMED, DEVICE, ABSURD_SIZE),
    PACKAGE_FILE,
)

BY_LAYER = {
    "data-after-end": HIDDEN_DATA,
    "trailing-data": HIDDEN_DATA,
    "marker-in-base-layer": IDLE_MARKER,
    "whiteout-without-target": IDLE_MARKER,
    "odd-marker": IDLE_MARKER,
    "odd-header": MALFORMED,
    "bad-pax-header": MALFORMED,
    "global-pax-header": MALFORMED,
    "odd-type": MALFORMED,
    "dangling-hard-link": MALFORMED,
}
"""Codes of problems that are told once a layer, with how many there are and the first paths."""
BY_FILE = {
    "duplicate-entry": DUPLICATE,
    "path-clash": DUPLICATE,
    "escaping-name": NAME,
    "odd-name": NAME,
}
"""Codes of problems that are told for each file."""
BY_IMAGE = {
    "digest-mismatch": MISMATCH,
    "size-mismatch": MISMATCH,
    "diff-id-mismatch": MISMATCH,
    "history-mismatch": HISTORY,
    "layer-count-mismatch": HISTORY,
}
"""Codes of problems that are told once an image. What was not read at all (truncated, missing) is a problem alone."""
