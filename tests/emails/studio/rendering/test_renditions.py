"""A page, its frame and its checks are one mail: it is rendered and compiled once, until something changes it."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
from jinja2 import Environment, FileSystemLoader
from litestar.testing import TestClient
from tests.emails.studio.fixtures import Client
from tests.emails.studio.on_screen import save

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.branches import points
from keyturn.emails.gallery.environments import app_environment
from keyturn.emails.renderers import Here
from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.rendering.rendition import Drawer, Renditions
from keyturn.emails.studio.view import View
from keyturn.languages import Languages
from keyturn.mail.rendering import compiling
from keyturn.mail.rendering.render import Templates


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what Jinja renders, plain or with origins, and what mrml compiles, as it is sent or with marks."""
    counted: Counter[str] = Counter()
    fill, compile_mjml = Templates.fill, compiling.mjml2html  # type: ignore[attr-defined]  # where it is called from

    def counting_fill(templates: Templates, *given: Any) -> Any:
        filled = fill(templates, *given)
        if points._recorder.get() is None:  # values for branches are found by drawings of their own
            counted["Jinja, plain" if type(filled.markup) is str else "Jinja, with origins"] += 1
        return filled

    def counting_compile(markup: str, **options: Any) -> Any:
        html = compile_mjml(markup, **options)  # counted where it compiles: a refusal is tried again
        counted["MJML, with marks" if "kt-" in markup else "MJML, as sent"] += 1
        return html

    monkeypatch.setattr(Templates, "fill", counting_fill)
    monkeypatch.setattr(compiling, "mjml2html", counting_compile)
    return counted


ONCE = {"Jinja, plain": 1, "Jinja, with origins": 1, "MJML, as sent": 1, "MJML, with marks": 1}


PAGES = ("templates", "frames", "places")


def look(client: Client, query: str = "?sample=ada", pages: Iterable[str] = (*PAGES, "checks")) -> None:
    """Ask for all that a browser asks for. A second request for the checks has other mails checked."""
    for page in pages:
        assert client.get(f"/studio/{page}/greeting{query}").status_code == 200


def test_a_page_with_its_frame_its_places_and_its_checks_is_one_pass_of_each_kind(
    client: Client, passes: Counter[str]
) -> None:
    look(client)
    assert passes == ONCE


P = ParamSpec("P")
T = TypeVar("T")


class Meeting(Here[Drawer]):
    """Keeps each drawing open until another one has begun too, or a second has passed."""

    drawings = 0

    def __init__(self, drawer: Drawer) -> None:
        super().__init__(drawer)
        self._both = Barrier(2)

    def run(self, function: Callable[Concatenate[Drawer, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.drawings += 1
        with suppress(BrokenBarrierError):
            self._both.wait(1)
        return super().run(function, *args, **kwargs)


def test_a_page_and_its_frame_that_come_together_are_drawn_once(studio: Studio) -> None:
    runner = Meeting(Drawer(studio.gallery))
    renditions = Renditions(studio.gallery, runner)

    with ThreadPoolExecutor() as pool:
        drawn = list(pool.map(lambda _: renditions.rendition("greeting", View(sample="ada")), range(2)))

    assert drawn[0] is drawn[1]
    assert runner.drawings == 1


def test_the_same_mail_shown_in_another_way_is_not_rendered_again(client: Client, passes: Counter[str]) -> None:
    look(client)
    look(client, "?sample=ada&width=320&scheme=dark&show=both&tab=links&line=greeting/greeting.mjml:5", PAGES)
    look(client, "?lang=en", PAGES)
    assert passes == ONCE


def test_a_page_with_a_line_that_is_picked_is_one_pass_of_each_kind_too(client: Client, passes: Counter[str]) -> None:
    look(client, "?sample=ada&line=greeting/greeting.mjml:5&tab=checks", PAGES)
    assert passes == ONCE


@pytest.mark.parametrize(
    "query", ["?sample=grace", "?sample=ada&edit=%7B%22name%22:%22Bo%22%7D", "?dir=rtl", "?seed=7"]
)
@pytest.mark.long
def test_another_mail_is_rendered_anew(client: Client, passes: Counter[str], query: str) -> None:
    look(client)
    look(client, query)
    assert passes == dict.fromkeys(ONCE, 2)


@pytest.mark.parametrize("file", ["greeting/greeting.mjml", "_layout/base.mjml"])
def test_a_save_is_rendered_anew(client: Client, folder: Path, passes: Counter[str], file: str) -> None:
    look(client)
    save(folder, "</mj", " </mj", file)
    look(client)
    assert passes == dict.fromkeys(ONCE, 2)


def test_a_save_of_another_template_is_not(client: Client, folder: Path, passes: Counter[str]) -> None:
    look(client)
    save(folder, "{{ what }}", "{{ what }}!", "notice/notice.mjml")
    look(client, pages=PAGES)
    assert passes == ONCE


def test_a_text_that_was_drawn_is_drawn_anew_with_what_a_sample_says_now(client: Client, folder: Path) -> None:
    look(client)
    save(folder, '"Ada"', '"Bo"', "greeting/samples.toml")
    assert "Hello Bo" in client.get("/studio/frames/greeting?sample=ada").text


def test_a_mail_that_broke_is_the_last_good_one_until_it_is_mended(client: Client, folder: Path) -> None:
    look(client)
    save(folder, "Hello {{ name }}", "Hello {{ nmae }}")
    look(client)
    assert "Hello Ada" in client.get("/studio/frames/greeting?sample=ada").text
    assert "'nmae' is undefined" in client.get("/studio/templates/greeting?sample=ada").text.replace("&#39;", "'")
    save(folder, "Hello {{ nmae }}", "Welcome {{ name }}")
    assert "Welcome Ada" in client.get("/studio/frames/greeting?sample=ada").text


def test_a_layout_that_the_apps_own_loader_brings_counts_when_it_is_saved(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "emails", tmp_path / "layouts"
    for file, text in {
        folder / "hello.html": '{% extends "page.html" %}{% block body %}Hello{% endblock %}',
        elsewhere / "page.html": "<html><body><p>One</p>{% block body %}{% endblock %}</body></html>",
    }.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    own = Environment(loader=FileSystemLoader(elsewhere), autoescape=True)
    gallery = Gallery(
        templates=Templates(folder, {}, reload=True, make_environment=app_environment(folder, lambda _: own)),
        languages=Languages("UTC"),
    )
    with TestClient(
        create_studio_app(Studio(gallery=gallery, sender="", token="")), base_url="http://127.0.0.1:8001"
    ) as client:
        (name,) = gallery.names()
        assert "One" in client.get(f"/studio/frames/{name}").text
        save(elsewhere, "One", "Two", "page.html")
        assert "Two" in client.get(f"/studio/frames/{name}").text
