"""Severities are ordered by how bad they are, not by their letters."""

from itertools import product

import pytest

from imgscan.report import Severity

ORDER = ("none", "info", "low", "medium", "high", "critical")


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_every_comparison_is_by_rank(one, other):
    left, right = Severity(one), Severity(other)
    wanted = ORDER.index(one) - ORDER.index(other)
    assert (left < right, left <= right, left > right, left >= right) == (
        wanted < 0,
        wanted <= 0,
        wanted > 0,
        wanted >= 0,
    )
    assert max(left, right) is Severity(ORDER[max(ORDER.index(one), ORDER.index(other))])
