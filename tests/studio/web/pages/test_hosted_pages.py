"""The hosted pages in the studio: every state has an address, a save is seen, and each looks as it
should anywhere.
"""

import re
import threading
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx2
import pytest
from msgspec.structs import asdict
from tests.driver.pictures import SVG
from tests.servers.serving import serving
from tests.studio.web.fixtures import Client

from keyturn.service.pages.preview import PagePreview
from keyturn.service.reset.mails.theme import builtin_emails
from keyturn.service.settings import (
    Brand,
    FileOrUrl,
    Folder,
    Kind,
    PagesSettings,
    PasswordSettings,
    Settings,
)
from keyturn.service.settings.reading import read_settings
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.app import Studio, create_studio_app

OWN = (
    '{% extends "keyturn/forgot.html" %}\n{% block question %}<h1>Locked out?</h1>{% endblock %}\n'
)
FRAMES = "/studio/page-frames"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    return (tmp_path / "pages").resolve()


@pytest.fixture
def studio(own: Path, tmp_path: Path) -> Studio:
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "logo.svg").write_bytes(SVG)
    settings = Settings(
        brand=Brand(
            name="Northwind School",
            support_address="help@northwind.example",
            accent="#5a34c8",
            logo=FileOrUrl(f"{tmp_path}/look/logo.svg"),
        ),
        kinds={"school": Kind(brand={"name": "Harbour Primary", "logo": FileOrUrl("")})},
        password=PasswordSettings(require=("uppercase", "lowercase", "digit", "special")),
        pages=PagesSettings(templates=Folder(own)),
    )
    gallery = Gallery(**asdict(builtin_emails(settings, {}, reload=True)))
    pages = PagePreview(
        lambda: settings, {"Clinic": {"name": "Orchard Clinic", "accent": "#a3461f"}}
    )
    return Studio(gallery=gallery, sender="a@northwind.example", pages=pages, token="")


def states(studio: Studio) -> list[str]:
    assert studio.pages
    return [name for name, _, _ in studio.pages.states]


@pytest.mark.long
def test_every_state_has_an_address_and_a_row_in_the_list(client: Client, studio: Studio) -> None:
    found = {
        item["href"]
        for item in client.get("/studio/index.json?lang=de").json()
        if item["kind"] == "Page"
    }
    assert found == {f"/studio/pages/{state}?lang=de" for state in states(studio)}, "by the palette"
    rows = re.findall(
        r'id="page-([\w-]+)" class="row" href="/studio/pages/([\w-]+)"',
        client.get("/studio/pages").text,
    )
    assert [name for name, _ in rows] == [state for _, state in rows] == states(studio)
    for state in states(studio):
        page = client.get(f"/studio/pages/{state}?lang=de&width=320&scheme=dark")
        assert page.status_code == 200
        assert f'src="{FRAMES}/dark/{state}?lang=de"' in page.text
        frame = client.get(f"{FRAMES}/dark/{state}?lang=de")
        assert (frame.status_code, '<html lang="de"' in frame.text) == (200, True)


def test_a_page_s_files_are_in_the_scheme_that_is_wanted(client: Client) -> None:
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page = client.get(f"{FRAMES}/{scheme}/sign-in").text
        assert f'<meta name="color-scheme" content="{scheme}">' in page
        sheets = re.findall(r'href="([^"]+\.css)"', page)
        assert len(sheets) == 3
        for sheet in sheets:
            css = client.get(sheet)
            assert css.status_code == 200
            assert "prefers-color-scheme" not in css.text
            assert f"color-scheme: {other}" not in css.text
    (logo,) = re.findall(r'<img src="([^"]+)"', client.get(f"{FRAMES}/light/sign-in").text)
    answer = client.get(logo)
    assert (answer.content, answer.headers["content-type"]) == (SVG, "image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_page_of_any_brand_sends_nothing_loads_nothing_foreign_and_takes_no_focus(
    client: Client,
) -> None:
    frame = client.get(f"{FRAMES}/light/forgot")
    policy = frame.headers["content-security-policy"]
    assert {
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    } <= {*policy.split("; ")}
    assert "unsafe" not in policy
    assert "autofocus" not in frame.text
    for brand, name in (
        ("", "Northwind School"),
        ("school", "Harbour Primary"),
        ("Clinic", "Orchard Clinic"),
    ):
        assert (
            f"· {name}</title>"
            in client.get(f"{FRAMES}/light/forgot", params={"brand": brand}).text
        )


def test_what_does_not_exist_is_not_found(client: Client) -> None:
    frames = ("x", "forgot?brand=x", "keyturn-assets/0/x.css")
    for path in ("pages/x", *(f"page-frames/light/{name}" for name in frames)):
        assert client.get(f"/studio/{path}").status_code == 404


def test_a_page_of_one_s_own_is_rendered_and_its_mistake_is_told_with_the_line(
    client: Client, own: Path
) -> None:
    (own / "forgot.html").write_text(OWN)
    assert "<h1>Locked out?</h1>" in client.get(f"{FRAMES}/light/forgot").text
    (own / "forgot.html").write_text(OWN.replace("Locked out?", "{{ lockd }}"))
    page = client.get("/studio/pages/forgot").text
    assert "&#39;lockd&#39; is undefined" in page
    assert f"{own}/forgot.html:2" in page
    assert "{{ lockd }}" in page
    assert "<code>keyturn serve</code> does not start with this error" in page
    frame = client.get(f"{FRAMES}/light/forgot?lang=de")  # which was never rendered
    assert (frame.status_code, frame.text) == (422, f"{own}/forgot.html:2: 'lockd' is undefined")


def test_the_brand_of_a_saved_file_is_that_of_the_next_page(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "keyturn.toml"
    file.write_text('[brand]\nname = "Northwind School"\n')

    threads = set()

    def read() -> Settings:
        threads.add(threading.current_thread().name)
        return read_settings(file, {"KEYTURN_ENVIRONMENT": "development"}, sending=False)

    pages = PagePreview(read, {"Clinic": {"accent": "#a3461f"}})
    file.write_text('[brand]\nname = "Harbour Primary"\nradius = 3\n')
    for brand in ("", "Clinic"):
        assert "Harbour Primary" in pages.page("forgot", "", brand, "")
    file.write_text('[brand]\nradius = "big"\n')
    app = create_studio_app(replace(studio, pages=pages))
    with serving(app) as url, httpx2.stream("GET", f"{url}/studio/events", timeout=10) as events:
        assert next(events.iter_lines()) == "event: watching", "of saves"
        studio.stopping.set()
        page = unescape(httpx2.get(f"{url}/studio/pages/forgot", timeout=30).text)
    assert "brand.radius: must be a whole number from 0 to 24, not 'big'" in page
    assert "served app" not in threads, "others do not wait"
