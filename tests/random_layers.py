"""Random images as lists of entries, and the ways one may be stored: for properties of whole commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import strategies as st

from tests import image_builder as builder
from tests.image_builder import BuiltImage, Entry, directory, hardlink, symlink

NAMES = ["a", "b", "a/x", "a/y", "b/x", "a/x/deep", ".env", "dir/with space", "dir/ümlaut"]
_VALUES = st.one_of(
    st.binary(max_size=2000),
    st.sampled_from([b"same", b"other", b""]),
    st.just(directory()),
    st.sampled_from(NAMES).map(symlink),
)


def _whiteout(name: str) -> tuple[str, bytes]:
    above, slash, last = name.rpartition("/")
    return f"{above}{slash}.wh.{last}", b""


LAYERS = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(NAMES), _VALUES),
            st.sampled_from(NAMES).map(_whiteout),
            st.just(("a/.wh..wh..opq", b"")),
            st.tuples(st.sampled_from(["hard", "a/hard"]), st.sampled_from(NAMES).map(hardlink)),
        ),
        max_size=6,
    ),
    min_size=1,
    max_size=4,
)
"""Layers of (name, content): with everything that may end a version."""

Items = Sequence[Sequence[tuple[str, bytes | Entry]]]


def built(layers: Items) -> BuiltImage:
    """The image of such layers; layer N was made by `RUN N`."""
    return builder.image(*(builder.layer(items, created_by=f"RUN {at}") for at, items in enumerate(layers)))


def _gzipped(image: BuiltImage, folder: Path) -> Path:
    path = builder.docker_archive_hybrid(image, folder / "plain.tar")
    packed = folder / "image.tar.gz"
    packed.write_bytes(builder.compress(path.read_bytes(), "gzip"))
    return packed


WAYS: dict[str, Callable[[BuiltImage, Path], Path]] = {
    "archive": lambda image, folder: builder.docker_archive_hybrid(image, folder / "image.tar"),
    "gzipped archive": _gzipped,
    "compressed layers": lambda image, folder: builder.oci_archive(image, folder / "image.tar"),
    "layout": lambda image, folder: builder.oci_layout(image, folder / "layout"),
}
"""Opened at an offset, read once as a stream, with plain layers and with compressed ones. A folder serves once."""
