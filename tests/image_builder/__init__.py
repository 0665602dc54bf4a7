"""Container images made in memory, for tests and fixtures: no engine, no clock, equal calls give equal bytes.

    base = layer({"etc/passwd": "root:x:0:0::/root:/bin/sh\\n", "bin/sh": executable()}, created_by="ADD rootfs.tar / ")
    app = layer({"app/.env": "API_KEY=abc"}, created_by="COPY . . # buildkit")
    gone = layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm app/.env # buildkit")
    built = image(base, step("ENV A=b"), app, gone, env=["A=b"], cmd=["sh"], tags=["app:1"])
    docker_archive_legacy(built, tmp_path / "app.tar")

Writers take one image or several and a path, and return the path. `edit=` is called with the archive's members (a dict
from name to Entry, in order) just before they are written, to drop, corrupt or rename what a test is about.
"""

from tests.image_builder.compression import COMPRESSIONS, compress, skippable_frame, zstd_stored
from tests.image_builder.docker_archives import (
    docker_archive_hybrid,
    docker_archive_legacy,
    jib_archive,
    podman_archive,
    v1_only_archive,
)
from tests.image_builder.images import CREATED, BuiltImage, BuiltLayer, Step, image, layer, sha256, step, with_parents
from tests.image_builder.oci import containerd_archive, oci_archive, oci_files, oci_layout, provenance
from tests.image_builder.stored import Members, wrap_archive, write_archive, write_directory
from tests.image_builder.tar import (
    MTIME,
    Entry,
    base256,
    directory,
    executable,
    file,
    hardlink,
    pax_header,
    pax_records,
    raw_header,
    symlink,
    write_tar,
)

ARCHIVES = {
    "legacy": docker_archive_legacy,
    "hybrid": docker_archive_hybrid,
    "containerd": containerd_archive,
    "podman": podman_archive,
    "oci-archive": oci_archive,
    "jib": jib_archive,
}
"""Writers of one file from which every fact of an image can be read back (`v1_only_archive` keeps less)."""

__all__ = [
    "ARCHIVES",
    "COMPRESSIONS",
    "CREATED",
    "MTIME",
    "BuiltImage",
    "BuiltLayer",
    "Entry",
    "Members",
    "Step",
    "base256",
    "compress",
    "containerd_archive",
    "directory",
    "docker_archive_hybrid",
    "docker_archive_legacy",
    "executable",
    "file",
    "hardlink",
    "image",
    "jib_archive",
    "layer",
    "oci_archive",
    "oci_files",
    "oci_layout",
    "pax_header",
    "pax_records",
    "podman_archive",
    "provenance",
    "raw_header",
    "sha256",
    "skippable_frame",
    "step",
    "symlink",
    "v1_only_archive",
    "with_parents",
    "wrap_archive",
    "write_archive",
    "write_directory",
    "write_tar",
    "zstd_stored",
]
