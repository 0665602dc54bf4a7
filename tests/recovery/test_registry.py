"""Files of an image in a registry, listed and recovered while its layers download."""

from __future__ import annotations

import pytest

from imgscan.listing import list_files
from imgscan.pipeline import Options
from imgscan.recovery import recover
from tests.image_builder import hardlink, image, layer
from tests.registries.process import registry_process
from tests.registries.push import push

IMAGE = image(
    layer({"app/key": b"secret" * 1000, "bin/a": "binary"}),
    layer({"app/.wh.key": "", "bin/b": hardlink("bin/a")}),
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with registry_process(tmp_path_factory.mktemp("registry")) as registry:
        push(registry.origin, "team/app", "1", IMAGE)
        yield f"registry:{registry.address}/team/app:1"


@pytest.fixture
def options(tmp_path):
    return Options(cache_directory=tmp_path / "cache")


@pytest.mark.parametrize("path", ["app/key", "bin/b"])
@pytest.mark.parametrize("warm", [False, True])
def test_a_registry_gives_what_was_put_in_with_or_without_a_cache(reference, options, path, warm):
    if warm:
        list_files(reference, options, digests=True)
    with recover(reference, path, options) as found:
        assert b"".join(found.pieces()) == {"app/key": b"secret" * 1000, "bin/b": b"binary"}[path]
        assert found.scan.diff_id == IMAGE.layers[0].diff_id


def test_a_registry_lists_every_version(reference, options):
    (listing,) = list_files(reference, options)
    assert [(row.path, row.layer, str(row.fate)) for row in listing.selected()] == [
        ("app/key", 0, "deleted"),
        ("bin/a", 0, "present"),
        ("bin/b", 1, "present"),
    ]
