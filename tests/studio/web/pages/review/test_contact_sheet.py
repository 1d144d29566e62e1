"""The contact sheet: everything on one page."""

import re

from tests.studio.web.fixtures import Client


def cells(page: str) -> list[tuple[str, str]]:
    """Return template and caption of each mail on the sheet."""
    found = re.findall(r'<a href="/studio/templates/([\w/]+)\?[^"]*" aria-label="[^"]*">([^<]*)</a>', page)
    return [(template, caption) for template, caption in found]


def frames(page: str) -> list[str]:
    return re.findall(r'<iframe src="/studio/frames/([^"]*)"', page)


def test_it_shows_the_first_sample_of_every_template_at_two_widths_in_light_and_dark(client: Client) -> None:
    page = client.get("/studio/sheet").text
    assert re.search(r'data-region="counts">\d+ previews<', page)
    assert cells(page) == [
        (template, caption)
        for template in ("greeting", "notice")
        for caption in ("375 · Light", "375 · Dark", "600 · Light", "600 · Dark")
    ]
    assert frames(page)[:2] == ["greeting?sample=ada", "greeting?sample=ada&amp;scheme=dark"]
    assert page.count('loading="lazy"') == page.count('sandbox="allow-same-origin"') == 8


def test_what_is_on_it_stands_in_the_address(client: Client) -> None:
    page = client.get("/studio/sheet?width=1280&width=320&scheme=full&samples=all").text
    captions = ("320 · Gmail iOS", "1280 · Gmail iOS")
    assert cells(page) == [(name, each) for name in ("greeting", "greeting", "notice") for each in captions]
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["ada", "grace", "only"]
    checked = re.findall(r'id="([\w-]+)" type="checkbox"[^>]* checked', page)
    assert checked == ["width-320", "width-1280", "scheme-full", "samples-all"]
