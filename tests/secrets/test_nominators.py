import re
from re import _parser as parser  # the only place that tells a pattern's width

import hyperscan
import pytest

from imgscan.secrets.detector import NOMINATOR_SPAN
from imgscan.secrets.detectors import detectors

EVERY = list(dict.fromkeys(nominator for detector in detectors(True) for nominator in detector.nominators))
LONGEST_CONTEXT = 64 << 10


@pytest.mark.parametrize("nominator", EVERY, ids=[str(number) for number in range(len(EVERY))])
def test_a_nominator_is_a_bounded_context_free_core(nominator):
    tree = parser.parse(nominator.pattern.encode("latin-1"), re.DOTALL)
    _, widest = tree.getwidth()
    assert 0 < widest <= NOMINATOR_SPAN
    assert not {"AT", "ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS"} & operations(tree)


def operations(tree) -> set[str]:
    """Names of all operations in a parsed pattern: anchors and boundaries are AT, look-around is ASSERT."""
    found: set[str] = set()
    for item in tree:
        if isinstance(item, parser.SubPattern | tuple | list):
            found |= operations(item)
        elif hasattr(item, "name"):
            found.add(item.name)
    return found


def test_hyperscan_accepts_every_nominator_as_it_is():
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if each.caseless else 0) for each in EVERY]
    database.compile(
        expressions=[each.pattern.encode("latin-1") for each in EVERY],
        ids=list(range(len(EVERY))),
        elements=len(EVERY),
        flags=flags,
    )


@pytest.mark.parametrize("detector", detectors(True), ids=lambda detector: detector.id)
def test_a_detector_asks_for_a_bounded_context(detector):
    assert 0 < detector.before <= LONGEST_CONTEXT
    assert 0 < detector.after <= LONGEST_CONTEXT
    assert detector.nominators


def test_one_assignment_is_nominated_once():
    data = b"DATABASE_PASSWORD=super_secret_password_123"
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    pattern = next(each for each in EVERY if each.caseless and "database_?pass" in each.pattern)
    database.compile(
        expressions=[pattern.pattern.encode("latin-1")],
        ids=[0],
        elements=1,
        flags=[hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_CASELESS],
    )
    ends: list[int] = []
    database.scan(data, match_event_handler=lambda _id, _start, end, _flags, _context: ends.append(end))
    assert ends == [data.index(b"super") + 1]
