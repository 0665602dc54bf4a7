"""Files inside of recovered ones, named as findings name them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pytest

from imgscan.cli import main
from imgscan.errors import UsageError
from imgscan.pipeline import Options
from imgscan.recovery import recover
from tests.image_builder import docker_archive_hybrid, image, layer, write_tar

ENV = b"API_KEY=sk-live-abc123xyz789\n"


def zipped(files, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path):
    jar = zipped({"lib/inner.jar": zipped({"application.properties": ENV, "other": b"x"}), "top.txt": b"top" * 9000})
    files = {"app.jar": jar, "logs.tar.gz": gzip.compress(write_tar([("var/a.env", ENV)])), "plain": b"plain"}
    return docker_archive_hybrid(image(layer(files), layer({".wh.app.jar": ""})), tmp_path / "image.tar")


def inside(archive, path, inner):
    with recover(str(archive), path, Options(), inner=inner) as found:
        assert found.inner_path == inner
        return b"".join(found.pieces())


@pytest.mark.parametrize(
    ("path", "inner", "data"),
    [
        ("app.jar", "top.txt", b"top" * 9000),
        ("app.jar", "lib/inner.jar!/application.properties", ENV),
        ("app.jar", "lib/inner.jar!/other", b"x"),
        ("logs.tar.gz", "var/a.env", ENV),
    ],
)
def test_a_file_inside_is_given_at_any_depth(archive, path, inner, data):
    assert inside(archive, path, inner) == data


def test_a_container_inside_is_given_as_it_is(archive):
    data = inside(archive, "app.jar", "lib/inner.jar")
    assert zipfile.ZipFile(io.BytesIO(data)).read("other") == b"x"


def test_what_is_not_there_is_told_with_what_is(archive):
    for path, inner, message in (("app.jar", "nothing", "top.txt"), ("plain", "x", "leave --inner out")):
        with pytest.raises(UsageError) as told:
            inside(archive, path, inner)
        assert message in told.value.tip


def test_the_inner_path_of_a_finding_is_what_is_asked_for(archive, capfdbinary, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    main(["inspect", str(archive), "-f", "json", "--families", "file-secret"])
    (report,) = json.loads(capfdbinary.readouterr().out)["reports"]
    places = {(finding["location"]["path"], finding["location"]["inner_path"]) for finding in report["findings"]}
    assert ("app.jar", "lib/inner.jar!/application.properties") in places
    for path, inner in places:
        assert main(["extract", str(archive), path, "--inner", inner]) == 0
        assert capfdbinary.readouterr().out == ENV


def test_a_bag_of_an_inner_file_leads_back_to_the_container(archive, tmp_path):
    bag = tmp_path / "bag"
    arguments = ["extract", str(archive), "app.jar", "--inner", "top.txt", "--evidence", str(bag), "-q"]
    assert main(arguments) == 0
    told = json.loads((bag / "metadata.json").read_text())
    assert told["bytes"] == {"size": 27000, "missing": 0, "payload": "data/top.txt", "inner_path": "top.txt"}
    assert told["chain"]["member"]["path"] == "app.jar"
    assert (bag / "data" / "top.txt").read_bytes() == b"top" * 9000
