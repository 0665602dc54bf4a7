"""The page of a whole registry, made by a real audit of a real one, in a real browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgscan.renderers import RenderOptions
from imgscan.renderers.audit_html import lines
from imgscan.report.audit import AuditReport
from tests.audit.conftest import auditor, filled, matcher_cache  # noqa: F401  # fixtures
from tests.browser.test_image_page import ATTACKS, CONTRAST

OPTIONS = RenderOptions("1.2.3")


@pytest.fixture
def report(auditor, filled) -> AuditReport:  # noqa: F811
    found: AuditReport = auditor(filled.address)
    return found


@pytest.fixture
def page(browser, tmp_path):
    def opened(report: AuditReport):
        path = tmp_path / "audit.html"
        path.write_text("".join(lines(report, OPTIONS)), encoding="utf-8")
        browser.open(path)
        return browser

    return opened


def test_it_tells_what_an_audit_found(page, report):
    shown = page(report)
    assert shown.complaints == []
    text = shown.run("document.body.textContent")
    assert report.secrets
    for secret in report.secrets:
        assert secret.redacted in text
        assert all(name in text for name in secret.repositories[:3])
    for image in report.images:
        assert image.references[0] in text
    leaking = [layer for layer in report.layers if layer.secrets]
    assert shown.run("document.querySelectorAll('section[aria-labelledby=layers] tbody tr').length") == len(leaking)
    assert shown.run("document.querySelectorAll('section[aria-labelledby=images] tbody tr').length") == len(
        report.images
    )


def test_images_and_secrets_are_searched_apart(page, report):
    shown = page(report)
    field = "document.querySelector('section[aria-labelledby=images] input[type=search]')"
    wanted = report.images[-1].references[0].lower()
    shown.run(f"{field}.value = {wanted!r}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    images = shown.run("document.querySelectorAll('section[aria-labelledby=images] tr.row:not([hidden])').length")
    secrets = shown.run("document.querySelectorAll('section[aria-labelledby=secrets] .row:not([hidden])').length")
    assert 0 < images < len(report.images)
    assert secrets == len(report.secrets)


def test_nothing_of_a_hostile_registry_is_executed(page, report):
    images = tuple(
        replace(image, references=ATTACKS, owner_label=ATTACKS[1], created=ATTACKS[0]) for image in report.images
    )
    secrets = tuple(
        replace(secret, name=ATTACKS[0], repositories=ATTACKS, kind=ATTACKS[3]) for secret in report.secrets
    )
    selection = replace(report.selection, registry=ATTACKS[0], repositories=ATTACKS)
    shown = page(replace(report, images=images, secrets=secrets, selection=selection))
    assert shown.run("window.executed") is None
    assert shown.complaints == []
    assert shown.run("document.querySelectorAll('script').length") == 1
    assert shown.run("document.querySelectorAll('img, iframe, base, object, embed, link').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark_and_on_a_narrow_screen(page, report, browser, scheme):
    browser.emulate(scheme=scheme, width=380)
    shown = page(report)
    shown.run("for (const each of document.querySelectorAll('details')) each.open = true")
    worst = shown.run(CONTRAST)
    assert worst[0] >= 4.5, worst
    assert shown.run("document.documentElement.scrollWidth") <= 380
