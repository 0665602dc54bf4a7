"""What all machine formats share: places in the repository, lasting names, sentences that say each thing once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.renderers.phrases import news
from imgscan.renderers.sentences import PATH_LIMIT, image_names, lasting_name, repository_place, sentence
from imgscan.report import AddedBy, Location, LocationKind
from tests.renderers.reports import KEYWORD, ROOT, clean, file_secret, hostile, insecure, mapped

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_an_invented_place_leads_nowhere_else(text):
    for finding in hostile(text).verdict.open:
        place = repository_place(hostile(text), finding)
        parts = place.path.split("/")
        assert parts[0] == "image"
        assert len(parts) > 1
        assert not {"", ".", ".."} & set(parts)
        assert place.path.isprintable()
        assert len(place.path) <= 10 * PATH_LIMIT + 20  # each odd character is spelled with ten at most
        assert place.line >= 1
        assert not place.real


def test_long_paths_that_begin_alike_stay_apart():
    def place(path: str) -> str:
        finding = replace(ROOT, location=Location(LocationKind.FILE, path=path))
        return repository_place(insecure(), finding).path

    assert place("x" * 1000 + "a") != place("x" * 1000 + "b")


def test_a_place_does_not_move_when_other_layers_and_variables_come_before_it():
    env = Location(LocationKind.CONFIG, pointer="/config/Env/2", name="API_KEY")
    before, after = (
        replace(ROOT, location=replace(env, pointer=f"/config/Env/{number}"), added_by=None) for number in (2, 7)
    )
    assert repository_place(insecure(), before) == repository_place(insecure(), after)


def test_what_names_no_step_and_is_no_matter_of_the_whole_has_no_line():
    stray = replace(file_secret(KEYWORD, "A", "a***", 1), added_by=AddedBy(3, None, None))
    assert repository_place(mapped(), stray).path.startswith("image/")
    beyond = replace(stray, added_by=AddedBy(3, 99, None))
    assert repository_place(mapped(), beyond).path.startswith("image/")


@pytest.mark.parametrize(
    ("source", "reference", "name"),
    [
        ("docker", "app:1.2", "app"),
        ("docker", "docker:app:1.2", "app"),
        ("docker", "registry.example:5000/team/app", "registry.example:5000/team/app"),
        ("registry", "registry.example:5000/team/app:v1@sha256:" + "a" * 64, "registry.example:5000/team/app:v1"),
        ("archive", "/build/17/out/app.tar.gz", "app"),
        ("archive", "archive:out/app.tar", "app"),
        ("oci", "oci:layouts/app:latest", "app"),
        ("docker", "", "image"),
    ],
)
def test_an_image_s_name_lasts_over_rebuilds(source, reference, name):
    report = replace(clean(), image=replace(clean().image, reference=reference, source=source))
    assert image_names([report]) == [name]


@given(st.lists(st.sampled_from(["app:1", "app:2", "app:1", "other"]), max_size=6))
def test_no_two_images_of_a_run_share_a_name(references):
    names = image_names([clean(reference) for reference in references])
    assert len(set(names)) == len(names) == len(references)


def test_a_lasting_name_has_neither_line_nor_layer():
    finding = file_secret(KEYWORD, "API_KEY", "a***", 7)
    moved = replace(finding, location=replace(finding.location, line=90, layer=1))
    assert lasting_name(finding) == lasting_name(moved) == "app/.env API_KEY"


def test_a_sentence_says_each_thing_once():
    for finding in insecure().verdict.open:
        told = sentence(finding)
        assert told.count(finding.message) == 1
        if finding.location.path:
            assert told.count(finding.location.path) == 1


def test_news_are_what_a_baseline_does_not_have_with_their_lines():
    def compared(report):
        return replace(report, verdict=replace(report.verdict, baseline="accepted.json"))

    assert news(mapped()) == ""
    assert news(compared(clean())) == ""
    one = compared(mapped())
    one = replace(one, verdict=replace(one.verdict, open=one.verdict.open[:1]))
    assert news(one) == "1 new finding at docker/Dockerfile:5"
    assert news(compared(mapped())).endswith("new findings at docker/Dockerfile:1, 3, 5")
    assert news(compared(insecure())) == f"{len(insecure().verdict.open)} new findings"
