"""The files of an image, listed: layers are opened for their members alone, and nothing is searched for secrets.

Strings of the metadata (instructions, build arguments) are redacted as in every report: the analyzers that need no
layer look for secrets in them. Names of files are told as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from imgscan.analyzers import ANALYZERS
from imgscan.analyzers.analyzer import Evidence
from imgscan.errors import UsageError
from imgscan.evidence import Depth, ScanPlan
from imgscan.file_versions import Listing, Selection, file_rows, names_of
from imgscan.judgement import judge
from imgscan.layers.plan import make_plan
from imgscan.package_files import EXTRACTORS
from imgscan.pipeline import Options, open_layers
from imgscan.report import Policy, Report

METADATA = tuple(analyzer for analyzer in ANALYZERS if analyzer.depth is Depth.CONFIG)


def list_files(
    reference: str,
    options: Options,
    selection: Selection | None = None,
    *,
    digests: bool = False,
    image: str | None = None,
) -> list[Listing]:
    """What an image holds: one listing for each platform asked for, or each image of an archive that `image` names.

    With `digests` each regular file's sha256 is known; layers are read for their diff_ids in any case. Raises
    ImgscanError where no result is possible, UsageError for a selection that the image does not know.
    """
    packages = selection is not None and selection.package is not None
    evidences = named(open_layers(reference, options, members_plan(digests=digests, packages=packages)), image)
    return [_listing(evidence, options, selection) for evidence in evidences]


def named(evidences: Sequence[Evidence], name: str | None) -> Sequence[Evidence]:
    """Those of the images that have the name: a tag, or the beginning of an image id; all of them for None."""
    if name is None:
        return evidences
    digits = name.removeprefix("sha256:")
    found = []
    for evidence in evidences:
        image = evidence.image
        by_id = len(digits) >= 6 and image.config.image_id.removeprefix("sha256:").startswith(digits)
        if by_id or name in (image.reference, *image.tags):
            found.append(evidence)
    if not found:
        others = ", ".join(dict.fromkeys(evidence.image.reference for evidence in evidences))
        raise UsageError(f"no image of it is called {name!r}", tip=f"there is {others or 'none at all'}")
    return found


def members_plan(*, digests: bool = False, packages: bool = False) -> ScanPlan:
    """The plan for the members alone, and the accounts that give their owners names; with the records of packages."""
    extractors = ("accounts", *(EXTRACTORS if packages else ()))
    return make_plan(Depth.MEMBERS, extractors, secrets=False, entropy=False, digests=digests)


def _listing(evidence: Evidence, options: Options, selection: Selection | None) -> Listing:
    file_rows(evidence, selection)  # a selection that cannot be is told before anything is written
    return Listing(described(evidence, options), partial(file_rows, evidence, selection), names_of(evidence))


def described(evidence: Evidence, options: Options) -> Report:
    """What reports tell of an image's metadata, redacted; its findings are those of the metadata alone."""
    return judge(evidence, METADATA, Policy(), None, options.key)
