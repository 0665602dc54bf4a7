"""Platforms: however one is spelled, it is the same."""

import pytest

from imgscan.image.image import Platform
from imgscan.sources.platforms import matches, parse_platform


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("linux/x86_64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/aarch64", "linux/arm64/v8"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/i386", "linux/386"),
        ("linux/arm", "linux/arm/v7"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_one_platform_has_many_spellings(wanted, there):
    assert matches(parse_platform(wanted), parse_platform(there))


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("linux/amd64/v3", "linux/amd64"),
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux/arm64", "linux/arm"),
        ("linux/amd64", "windows/amd64"),
    ],
)
def test_what_is_another_platform_does_not_match(wanted, there):
    assert not matches(parse_platform(wanted), parse_platform(there))


def test_nothing_matches_an_unknown_platform():
    assert not matches(Platform("linux", "amd64"), None)
