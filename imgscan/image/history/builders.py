"""Who wrote a history entry, told by its form, comment and author.

The forms are those the builders' own sources write: BuildKit's dockerfile2llb, moby's builder/dockerfile, buildah's
imagebuildah, ko's pkg/build, the buildpacks lifecycle's layers package.
"""

from __future__ import annotations

import re

from imgscan.image.image import Builder

BUILDKIT_SUFFIX = " # buildkit"

_AUTHORS = {
    "kaniko": Builder.KANIKO,
    "ko": Builder.KO,
    "jib": Builder.JIB,
    "bazel": Builder.BAZEL,
    "apko": Builder.APKO,
}
_TEXTS = (
    (re.compile(r"ko (?:build|publish) "), Builder.KO),
    (re.compile(r"jib(?:-[a-z-]+)?(?::\S*)?$"), Builder.JIB),
    (re.compile(r"bazel build(?: |$)"), Builder.BAZEL),
    (re.compile(r"apko$"), Builder.APKO),
    (re.compile(r"Layer: '.*', Created by (?:buildpack|extension): ", re.DOTALL), Builder.BUILDPACKS),
    (
        re.compile(
            r"(?:Application Layer|Application Slice: \d+|Software Bill-of-Materials"
            r"|Buildpacks (?:Launcher Config|Application Launcher|Process Types))$"
        ),
        Builder.BUILDPACKS,
    ),
)


def identify_builder(created_by: str, comment: str, author: str) -> Builder:
    """The builder that the entry gives away before its instruction is read; UNKNOWN where nothing does."""
    if comment.startswith("buildkit.") or created_by.endswith(BUILDKIT_SUFFIX):
        return Builder.BUILDKIT
    if not created_by and comment.startswith("Imported from "):
        return Builder.IMPORT
    for form, builder in _TEXTS:
        if form.match(created_by):
            return builder
    return _AUTHORS.get(author.lower(), Builder.UNKNOWN)
