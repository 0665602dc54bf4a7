"""The HTML page in a real browser: nothing of an image is executed, and a person can use it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.html import render
from tests.image_builder import docker_archive_legacy, image, layer, step
from tests.renderers.reports import clean, hostile, incomplete, insecure

OPTIONS = RenderOptions("1.2.3")
ATTACKS = (
    "<script>window.executed='script'</script>",
    '"><img src=x onerror="window.executed=\'img\'">',
    "'><svg onload=window.executed='svg'>",
    "</title></style></script><script>window.executed='closed'</script>",
    "javascript:window.executed='url'",
    "{{ 7 * 7 }}{% raw %}<iframe srcdoc='<script>parent.executed=1</script>'>",
    "<style>body{display:none}</style><base href=http://evil.test/>",
    "\x00\x1b[31m\u202eevil\udcff&#60;script&#62;window.executed='entity'&lt;/script&gt;",
)

CONTRAST = """(() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const linear = (c) => c / 255 <= .03928 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const colour = parse(getComputedStyle(node).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return parse(getComputedStyle(document.documentElement).backgroundColor);
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        const unseen = parent.closest("script, style, .skip, option") || !parent.checkVisibility();
        if (!walker.currentNode.data.trim() || unseen) continue;
        const [a, b] = [light(parse(getComputedStyle(parent).color)), light(ground(parent))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        found.push([contrast, parent.className, walker.currentNode.data.slice(0, 40)]);
    }
    return found.sort((one, other) => one[0] - other[0])[0];
})()"""
"""The text that is hardest to read: its contrast with what it stands on, and where it is."""


@pytest.fixture
def page(browser, tmp_path):
    def opened(text: str, fragment: str = ""):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        browser.open(path, fragment)
        return browser

    return opened


@pytest.mark.parametrize(
    "report",
    [insecure(), clean(), incomplete(), hostile(ATTACKS[0])],
    ids=["insecure", "clean", "incomplete", "hostile"],
)
def test_the_page_loads_without_a_complaint_and_without_the_network(page, report):
    shown = page(render([report], OPTIONS))
    assert shown.complaints == []
    assert shown.run("document.querySelectorAll('main h2').length") >= 3


def test_nothing_of_a_hostile_image_is_executed_or_breaks_the_page(page, tmp_path):
    """An image whose names, ENV, labels, tags and instructions carry markup, through the whole scan."""
    files = {f"srv/{attack.replace('/', '_')}/.env": f"DB_PASSWORD=hunter{n}prod\n" for n, attack in enumerate(ATTACKS)}
    files |= {"usr/bin/gcc": b"\x7fELF", "etc/passwd": f"{ATTACKS[0]}:x:0:0:{ATTACKS[1]}:/:/bin/sh\n"}
    built = image(
        *(step(f"ENV A={attack} # buildkit") for attack in ATTACKS),
        layer(files, created_by=f"COPY {ATTACKS[0]} / # buildkit"),
        layer({"srv/.wh..wh..opq": b""}, created_by=f"RUN rm -rf {ATTACKS[3]} # buildkit"),
        env=[f"{attack}_PASSWORD=hunter2{attack}" for attack in ATTACKS],
        labels={attack: f"password={attack}" for attack in ATTACKS},
        entrypoint=[ATTACKS[0]],
        cmd=[ATTACKS[1]],
        user=ATTACKS[0],
        tags=["app:1"],
    )
    archive = docker_archive_legacy(built, tmp_path / "a.tar")
    reports = inspect_image(f"archive:{archive}", Options(cache=CacheMode.OFF, cache_directory=tmp_path))
    reports = [
        replace(report, image=replace(report.image, reference=attack)) for report in reports for attack in ATTACKS
    ]
    failures = tuple(Failure(attack, attack, attack) for attack in ATTACKS)
    shown = page(render(reports, replace(OPTIONS, failures=failures)))
    assert shown.run("window.executed") is None
    assert shown.complaints == []
    assert shown.run("document.querySelectorAll('script').length") == 1
    assert shown.run("document.querySelectorAll('style').length") == 1
    assert shown.run("document.querySelectorAll('img, iframe, base, object, embed, link').length") == 0
    assert shown.run("document.querySelectorAll('article').length") == len(reports)
    assert shown.run("document.querySelector('footer').textContent.includes('1.2.3')")
    names = shown.run("Array.from(document.querySelectorAll('article h1'), (each) => each.textContent)")
    assert ATTACKS[0] in names


def test_words_severities_and_families_filter_the_findings(page):
    shown = page(render([insecure()], OPTIONS))
    count = "document.querySelectorAll('details.finding:not([hidden])').length"
    everything = shown.run(count)
    assert everything > 3

    def typed(words: str) -> int:
        field = "document.querySelector('input[type=search]')"
        shown.run(f"{field}.value = {words!r}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")
        return shown.run(count)

    assert 0 < typed("api_key") < everything
    assert shown.run("document.querySelector('.result').textContent") != ""
    assert typed("nothing of the kind") == 0
    assert typed("") == everything
    shown.run("document.querySelector('input[value=high]').click()")
    assert 0 < shown.run(count) < everything
    assert shown.run("document.querySelectorAll('details.finding.high:not([hidden])').length") == 0


def test_a_link_opens_the_finding_that_it_leads_to(page):
    text = render([insecure()], OPTIONS)
    shown = page(text, "#image-0-finding-1")
    assert shown.run("document.getElementById('image-0-finding-1').open")
    shown.run("document.querySelector('.build a.mark').click()")
    opened = shown.run("document.querySelector('.build a.mark').getAttribute('href')")
    assert shown.run(f"document.querySelector('{opened}').open")


def test_a_keyboard_alone_gets_everywhere(page):
    shown = page(render([insecure()], OPTIONS))
    focused = "document.activeElement"
    shown.press("Tab")
    assert shown.run(f"{focused}.className") == "skip"
    for _ in range(200):
        shown.press("Tab")
        if shown.run(f"{focused}.tagName") == "SUMMARY":
            break
    assert shown.run(f"{focused}.matches('details.finding > summary')")
    shown.press("Enter")
    assert shown.run(f"{focused}.parentElement.open")


def test_a_screen_reader_is_told_what_the_colours_say(page):
    shown = page(render([insecure()], OPTIONS))
    nodes = [node for node in shown.accessible() if not node.get("ignored")]
    roles = {node["role"]["value"] for node in nodes}
    assert {"main", "heading", "table", "search", "status"} <= roles
    images = [node["name"]["value"] for node in nodes if node["role"]["value"] in ("image", "img")]
    assert images
    assert all("B" in name for name in images), "bars say their bytes"
    unnamed = [
        node
        for node in nodes
        if node["role"]["value"] in ("link", "button", "searchbox", "checkbox", "combobox")
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(page, browser, scheme):
    """The contrast of every text with what it stands on is at least 4.5, as WCAG 2 asks for (AA)."""
    browser.emulate(scheme=scheme)
    shown = page(render([insecure()], OPTIONS))
    shown.run("for (const each of document.querySelectorAll('details')) each.open = true")
    worst = shown.run(CONTRAST)
    assert worst[0] >= 4.5, worst


def test_it_fits_a_narrow_screen(page, browser):
    browser.emulate(width=380, height=800)
    shown = page(render([insecure()], OPTIONS))
    assert shown.run("document.documentElement.scrollWidth") <= 380


def test_paper_shows_every_finding(page):
    shown = page(render([insecure()], OPTIONS))
    shown.run("window.dispatchEvent(new Event('beforeprint'))")
    assert shown.run("document.querySelectorAll('details:not([open])').length") == 0
    shown.run("window.dispatchEvent(new Event('afterprint'))")
    assert shown.run("document.querySelectorAll('details.finding[open]').length") == 0
    assert shown.printed().startswith(b"%PDF-")
