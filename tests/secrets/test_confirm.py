import pickle
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.confirm import confirm, merge
from imgscan.secrets.detector import Candidate, Window
from imgscan.secrets.kinds import KINDS, kind_of

SPANS = st.tuples(st.integers(0, 40), st.integers(1, 20))
CANDIDATES = st.builds(
    lambda kind, span, name, suppressed: Candidate(
        kind.id, span[0], span[0] + span[1], "v" * span[1], name=name, suppressed=suppressed
    ),
    st.sampled_from(KINDS),
    SPANS,
    st.none() | st.sampled_from(["A", "B"]),
    st.sampled_from(["", "", "placeholder"]),
)


@given(st.lists(CANDIDATES, max_size=12))
def test_merged_candidates_never_overlap(candidates):
    merged = merge(candidates)
    assert all(one.end <= other.start for one, other in pairwise(merged))


@given(st.lists(CANDIDATES, max_size=12), st.randoms())
def test_merging_is_idempotent_and_does_not_depend_on_order(candidates, chooser):
    merged = merge(candidates)
    assert merge(merged) == merged
    chooser.shuffle(candidates)
    assert merge(candidates) == merged


@given(st.lists(CANDIDATES, min_size=1, max_size=12))
def test_every_place_that_counts_keeps_a_candidate(candidates):
    merged = merge(candidates)
    for each in candidates:
        assert any(each.start < kept.end and kept.start < each.end for kept in merged)


def test_the_precise_kind_wins_and_keeps_the_name():
    keyword = Candidate("keyword", 10, 50, "x" * 40, name="GH")
    token = Candidate("github-token", 10, 50, "x" * 40)
    (kept,) = merge([keyword, token])
    assert (kept.kind, kept.name) == ("github-token", "GH")


def test_what_is_set_aside_does_not_hide_a_longer_secret():
    noise = Candidate("twilio-key", 20, 54, "x" * 34, suppressed="embedded")
    secret = Candidate("keyword", 10, 74, "x" * 64, name="KEY")
    assert merge([noise, secret]) == [secret]


def test_confirm_asks_the_named_detectors_and_merges():
    data = "API_KEY=sk-live-abc123xyz789"
    window = Window(".env", data, len("API_KEY=s"), starts_member=True, ends_member=True)
    (found,) = confirm(window, ["secret-name", "detect-secrets/KeywordDetector"])
    assert (found.name, found.value) == ("API_KEY", "sk-live-abc123xyz789")


def test_a_candidates_repr_shows_nothing():
    assert "hunter2prod" not in repr(Candidate("keyword", 0, 11, "hunter2prod"))


def test_every_kind_is_told_and_can_be_fixed():
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind_of(kind.id) is kind
        assert kind.title
        assert kind.remediation.endswith(".")
        assert pickle.loads(pickle.dumps(kind)) == kind


def test_what_is_found_in_a_spelling_alone_does_not_count():
    decoded = Candidate("npm-password", 5, 25, "Tr4verse-Qm7zLp", name="npm.corp.io", spelling="VHI0dmVyc2UtUW03ekxw")
    raw = Candidate("npm-token", 5, 25, "VHI0dmVyc2UtUW03ekxw", name="_password")
    part = Candidate("github-token", 9, 20, "dmVyc2UtUW0")
    assert merge([raw, decoded, part]) == [decoded]


def test_what_is_found_in_a_value_that_was_decoded_counts_by_its_precision():
    token = "ghp_" + "q7Zr2Vt9Lp4Ws6Xy8Nb3Kd5Hf1Jg0Tcaaa1"
    url = f"https://x:{token}@git.corp.io/a"
    decoded = Candidate("terraform-state-secret", 0, len(url) + 2, url, spelling=url.replace("/", "\\/"))
    found = Candidate("github-token", 13, 13 + len(token), token)
    assert merge([decoded, found]) == [found]
