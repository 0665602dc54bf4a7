"""Errors: what happened and what to do, always both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imgscan.cli import main
from imgscan.errors import InvalidImage, SourceError
from tests.image_builder import image, layer, oci_layout


def kinds(kind: type[SourceError] = SourceError) -> Iterator[type[SourceError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


@pytest.mark.parametrize("kind", list(kinds()))
def test_what_could_not_be_got_says_what_to_do_whoever_raises_it(kind):
    assert kind("what happened").tip
    assert kind("what happened", tip="do this").tip == "do this"


def test_a_manifest_that_is_none_is_told_with_a_way_on(tmp_path, capsys):
    def edit(members):
        (name,) = [name for name, entry in members.items() if '"layers":[' in str(entry.data)]
        members[name] = replace(members[name], data=b"no manifest")

    layout = oci_layout(image(layer({"a": "b"})), tmp_path / "layout", edit=edit)
    assert main(["files", str(layout)]) == 3
    told = capsys.readouterr().err
    assert "error: " in told
    assert f"tip: {InvalidImage.usual_tip}" in told
