"""What a base image brings beyond need: build layers and toolchains beside a runtime that was started."""

from __future__ import annotations

from dataclasses import replace

from imgscan.analyzers.image_hygiene_base import BaseSizeAnalyzer
from imgscan.base_image import BaseImage
from imgscan.evidence import Confidence
from imgscan.report import Finding
from tests.analyzers.evidence import evidence_of
from tests.image_builder import executable, image, layer, symlink

ROOT = layer({"bin/sh": executable(), "etc/os-release": "ID=debian"}, created_by="ADD rootfs.tar / # buildkit")
BUILD = layer(
    {"usr/bin/gcc": symlink("gcc-12"), "usr/bin/gcc-12": executable(bytes(4_000)), "usr/include/a.h": "x" * 2_000},
    created_by="RUN /bin/sh -c apt-get install gcc # buildkit",
)
NODE = layer({"usr/local/bin/node": executable(bytes(6_000))}, created_by="RUN /bin/sh -c install-node # buildkit")
APP = layer({"app/app.js": "x" * 100}, created_by="COPY . . # buildkit")
NODE_20 = {"env": ["NODE_VERSION=20.11.1"], "cmd": ["node", "app.js"], "working_dir": "/app"}


def told(*layers, base: int | None = None, name: str | None = None, **config) -> list[Finding]:
    evidence = evidence_of(image(*layers, **config))
    if base is not None:
        known = BaseImage(name, None, base, base, Confidence.HIGH, "it is there")
        evidence = replace(evidence, base=known)
    return list(BaseSizeAnalyzer().analyze(evidence).findings)


def test_layers_of_build_tools_below_the_runtime_are_told_with_what_leaves_them_out():
    (found,) = told(ROOT, BUILD, NODE, APP, **NODE_20)
    assert found.message == "node:20 brings 6.0 kB that the application does not use: gcc (layer 1)"
    assert "node:20-slim" in found.remediation
    assert "distroless" in found.remediation
    assert found.confidence is Confidence.MEDIUM


def test_the_name_of_the_base_is_used_where_it_is_known():
    (found,) = told(ROOT, BUILD, NODE, APP, base=3, name="registry.example/node:20", **NODE_20)
    assert found.message.startswith("registry.example/node:20 brings 6.0 kB")


def test_a_slim_image_and_a_small_part_are_not_told():
    assert not told(ROOT, NODE, APP, **NODE_20)
    large = layer({"usr/local/bin/node": executable(bytes(60_000))})
    assert not told(ROOT, BUILD, large, APP, **NODE_20)


def test_build_tools_of_the_images_own_are_not_the_bases():
    assert not told(ROOT, NODE, BUILD, APP, base=2, **NODE_20)


def test_an_image_to_build_with_is_not_told():
    assert not told(ROOT, BUILD, NODE, env=["NODE_VERSION=20.11.1"], cmd=["node"])
    assert not told(ROOT, BUILD, NODE, base=3, **NODE_20)
    assert not told(ROOT, BUILD, APP, cmd=["sh"], working_dir="/app")


def test_a_build_environment_in_one_layer_with_the_runtime_is_told_by_its_directories():
    both = layer(
        {
            "usr/bin/x86_64-linux-gnu-gcc-12": executable(bytes(1_000)),
            "usr/lib/gcc/x/cc1": executable(bytes(4_000)),
            "usr/include/a.h": "x" * 2_000,
            "usr/bin/node": executable(bytes(1_000)),
            "usr/bin/": "",
        }
    )
    (found,) = told(ROOT, both, APP, base=2, **NODE_20)
    assert "7.0 kB" in found.message
    assert "compilers and headers" in found.message


def test_a_toolchain_beside_the_program_it_built_is_told():
    go = layer({"usr/local/go/bin/go": executable(bytes(9_000))})
    app = layer({"app/server": executable(bytes(1_000))})
    config = {"env": ["GOLANG_VERSION=1.22.1"], "working_dir": "/app"}
    (found,) = told(ROOT, go, app, cmd=["/app/server"], **config)
    assert found.message == "golang:1.22 brings 9.0 kB that the application does not use: the Go toolchain"
    assert not told(ROOT, go, app, cmd=["/usr/local/go/bin/go", "run", "."], **config)
