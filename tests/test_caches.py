"""Caches of package managers: found where each keeps its own, and only what is its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.caches import KINDS, caches
from tests.analyzers.evidence import evidence_of
from tests.image_builder import image, layer, symlink

PLACES = [
    ("apt-lists", "var/lib/apt/lists/mirror.example.test_debian_dists_bookworm_InRelease"),
    ("apt-cache", "var/cache/apt/archives/curl_8.5.0_amd64.deb"),
    ("apt-cache", "var/cache/apt/pkgcache.bin"),
    ("apk-cache", "var/cache/apk/APKINDEX.0123abcd.tar.gz"),
    ("dnf-cache", "var/cache/dnf/base-0123/repodata/repomd.xml"),
    ("dnf-cache", "var/cache/yum/x86_64/7/base/primary.sqlite"),
    ("zypper-cache", "var/cache/zypp/solv/repo/solv"),
    ("pacman-cache", "var/cache/pacman/pkg/curl-8.5.0.pkg.tar.zst"),
    ("pip-cache", "root/.cache/pip/http-v2/a/b"),
    ("python-tool-cache", "home/app/.cache/uv/wheels-v1/x"),
    ("conda-cache", "opt/conda/pkgs/python-3.11.conda"),
    ("npm-cache", "root/.npm/_cacache/content-v2/sha512/aa"),
    ("npm-cache", "home/node/.npm/_logs/debug-0.log"),
    ("yarn-cache", "usr/local/share/.cache/yarn/v6/npm-left-pad/x"),
    ("pnpm-cache", "root/.local/share/pnpm/store/v3/files/00/a"),
    ("go-cache", "root/.cache/go-build/00/a"),
    ("go-cache", "go/pkg/mod/cache/download/a.zip"),
    ("cargo-cache", "usr/local/cargo/registry/src/index/a/lib.rs"),
    ("maven-cache", "root/.m2/repository/org/a/a.jar"),
    ("gradle-cache", "root/.gradle/caches/modules-2/a.jar"),
    ("gem-cache", "var/lib/gems/3.1.0/cache/rake-13.0.gem"),
    ("gem-cache", "usr/local/bundle/cache/rack-3.0.gem"),
    ("composer-cache", "root/.composer/cache/files/a.zip"),
    ("hex-cache", "root/.hex/packages/hexpm/a.tar"),
    ("nuget-cache", "root/.nuget/packages/a/1.0/a.nupkg"),
]


def found(*layers, **config):
    return {cached.kind.id: cached for cached in caches(evidence_of(image(*layers, **config)))}


@pytest.mark.parametrize(("kind", "path"), PLACES)
def test_a_cache_is_known_by_its_place(kind: str, path: str):
    (cached,) = found(layer({path: "x" * 9}, parents=True)).values()
    assert (cached.kind.id, cached.files, cached.bytes) == (kind, 1, 9)
    assert path.startswith(f"{cached.place}/")


def test_every_kind_has_a_place_that_is_tested():
    assert {kind for kind, _ in PLACES} == {kind.id for kind in KINDS}


@pytest.mark.parametrize(
    "path",
    [
        *("var/lib/apt/lists/lock", "var/lib/apt/lists/auxfiles/x", "var/cache/debconf/config.dat", "root/.npmrc"),
        *(
            "root/.npm/other",
            "app/node_modules/.cache/x",
            "usr/local/cargo/bin/cargo",
            "opt/conda/pkgs/python/bin/python",
        ),
        *("root/.cache/huggingface/hub/model", "app/.yarn/cache/left-pad.zip", "var/lib/gems/3.1.0/gems/a/cache/x.rb"),
    ],
)
def test_what_is_needed_or_somebody_elses_is_no_cache(path: str):
    assert not found(layer({path: "x"}))


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        ("PIP_CACHE_DIR", "pip-cache"),
        ("GOMODCACHE", "go-cache"),
        ("npm_config_cache", None),
        ("YARN_CACHE_FOLDER", "yarn-cache"),
    ],
)
def test_the_environment_names_other_places(variable: str, kind: str | None):
    there = found(layer({"srv/keep/a/b": "x"}), env=[f"{variable}=/srv/keep"])
    assert set(there) == ({kind} if kind else set())


def test_a_home_may_be_the_working_directory_and_a_link():
    assert set(found(layer({"app/.cache/pip/x": "x"}), working_dir="/app")) == {"pip-cache"}
    linked = layer(
        {"data/": "", "data/pip/": "", "data/pip/x": "x", "root/.cache/": "", "root/.cache/pip": symlink("/data/pip")}
    )
    assert found(linked)["pip-cache"].place == "data/pip"


def test_layers_are_told_apart_and_deleted_files_left_out():
    lists = "var/lib/apt/lists"
    there = found(
        layer({f"{lists}/a": "x" * 5, f"{lists}/b": "x"}), layer({f"{lists}/.wh.b": "", f"{lists}/c": "x" * 2})
    )
    assert there["apt-lists"].layers == ((0, 5), (1, 2))
    assert not found(layer({f"{lists}/a": "x"}), layer({f"{lists}/.wh..wh..opq": ""}))


@given(st.lists(st.text(max_size=12), max_size=4), st.text(max_size=8))
def test_any_environment_and_directory_is_taken(values, directory):
    env = [f"{kind.variables[0].partition('/')[0]}={value}" for kind in KINDS if kind.variables for value in values]
    found(layer({"a": "x"}), env=env, working_dir=directory)
