"""A browser for all tests here; without one they are skipped and say so, unless IMGSCAN_REQUIRE_ENGINE=1."""

import os

import pytest

from tests.browser.chromium import Browser, find_chromium


@pytest.fixture(scope="session")
def one_browser():
    program = find_chromium()
    if program is None:
        reason = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get("IMGSCAN_REQUIRE_ENGINE") == "1":
            pytest.fail(f"IMGSCAN_REQUIRE_ENGINE=1, and {reason}")
        pytest.skip(reason)
    browser = Browser(program)
    yield browser
    browser.close()


@pytest.fixture
def browser(one_browser):
    one_browser.emulate()
    return one_browser
