"""The files of an image, listed: layers are opened for their members alone, and nothing is searched for secrets.

Strings of the metadata (instructions, build arguments) are redacted as in every report: the analyzers that need no
layer look for secrets in them. Names of files are told as they are.
"""

from __future__ import annotations

from functools import partial

from imgscan.analyzers import ANALYZERS
from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import Depth, ScanPlan
from imgscan.file_versions import Listing, Selection, file_rows, names_of
from imgscan.judgement import judge
from imgscan.layers.plan import make_plan
from imgscan.pipeline import Options, open_layers
from imgscan.report import Policy, Report

METADATA = tuple(analyzer for analyzer in ANALYZERS if analyzer.depth is Depth.CONFIG)


def list_files(
    reference: str, options: Options, selection: Selection | None = None, *, digests: bool = False
) -> list[Listing]:
    """What an image holds: one listing for each platform asked for, or each image of an archive.

    With `digests` each regular file's sha256 is known; layers are read for their diff_ids in any case. Raises
    ImgscanError where no result is possible, UsageError for a selection that the image does not know.
    """
    evidences = open_layers(reference, options, members_plan(digests=digests))
    return [_listing(evidence, options, selection) for evidence in evidences]


def members_plan(*, digests: bool = False) -> ScanPlan:
    """The plan for the members alone, and the accounts that give their owners names."""
    return make_plan(Depth.MEMBERS, ("accounts",), secrets=False, entropy=False, digests=digests)


def _listing(evidence: Evidence, options: Options, selection: Selection | None) -> Listing:
    file_rows(evidence, selection)  # a selection that cannot be is told before anything is written
    return Listing(described(evidence, options), partial(file_rows, evidence, selection), names_of(evidence))


def described(evidence: Evidence, options: Options) -> Report:
    """What reports tell of an image's metadata, redacted; its findings are those of the metadata alone."""
    return judge(evidence, METADATA, Policy(), None, options.key)
