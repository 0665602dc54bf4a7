"""A finding's fingerprint: one for any place an image can name."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from imgscan.report import Location, LocationKind
from tests.renderers.reports import insecure

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY, ANY)
def test_any_two_paths_have_fingerprints_and_different_ones_differ(one, other):
    finding = insecure().verdict.open[0]
    first, second = (
        replace(finding, location=Location(LocationKind.FILE, path=f"x{path}")).fingerprint for path in (one, other)
    )
    assert (first == second) == (one == other)


@given(st.integers(0, 99), st.integers(0, 99), ANY)
def test_a_variable_or_step_before_it_does_not_change_the_fingerprint(one, other, name):
    finding = insecure().verdict.open[0]
    for pointer in ("/config/Env/{}", "/history/{}/created_by"):
        first, second = (
            replace(finding, location=Location(LocationKind.CONFIG, pointer=pointer.format(at), name=name)).fingerprint
            for at in (one, other)
        )
        assert first == second
