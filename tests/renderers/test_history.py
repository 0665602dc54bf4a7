"""The history: every step with its layer and size, and under it what it brought in."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from imgscan.renderers import RenderOptions
from imgscan.renderers.history import render
from tests.renderers.reports import STEPS, hostile, insecure, mapped

OPTIONS = RenderOptions("1")
ANY = st.text(st.characters(exclude_categories=()))


@given(ANY, st.integers(40, 130))
@settings(max_examples=50)
def test_whatever_an_image_holds_no_line_is_too_wide_and_none_directs_the_terminal(text, width):
    shown = render((hostile(text),), replace(OPTIONS, width=width))
    for line in shown.splitlines():
        assert 0 <= wcswidth(line) <= width
    assert shown.replace("\n", "").isprintable()


def test_every_step_is_told_in_order_with_its_layer():
    shown = render((insecure(),), replace(OPTIONS, width=160))
    numbers = [int(line[:4]) for line in shown.splitlines() if re.match(r" {3}\d ", line)]
    assert numbers == list(range(len(STEPS)))
    for index, (instruction, layer) in enumerate(STEPS):
        number = "" if layer is None else rf" +{layer} +[0-9.]+ k?M?B"
        assert re.search(rf"^ +{index}{number} +{re.escape(instruction)}$", shown, re.MULTILINE)


def test_a_step_tells_its_build_arguments():
    assert "build arguments: NPM_TOKEN=npm_********" in render((insecure(),), OPTIONS)


def test_findings_about_no_step_are_counted():
    assert "2 findings about the image as a whole" in render((insecure(),), OPTIONS)


def test_a_layer_that_no_step_made_is_told():
    image = insecure().image
    report = replace(
        insecure(), image=replace(image, layers=(*image.layers[:-1], replace(image.layers[-1], history=None)))
    )
    assert re.search(r"\? +5 +0 B +no step of the history made this layer", render((report,), OPTIONS))


def test_colour_adds_escapes_and_changes_nothing_else():
    coloured = render((insecure(),), replace(OPTIONS, colour=True))
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == render((insecure(),), OPTIONS)


def test_the_lines_of_the_dockerfile_stand_below_their_steps():
    told = render((mapped(),), OPTIONS)
    assert "docker/Dockerfile:1 brought in this step and those above" in told
    assert told.count("docker/Dockerfile:1 ") == 1
    assert re.search(r"COPY \. \.\n +docker/Dockerfile:5\n", told)
