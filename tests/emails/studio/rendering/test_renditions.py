"""A page, its frame and its checks are one mail: it is rendered and compiled once, until something changes it."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from litestar.testing import TestClient
from tests.emails.studio.on_screen import save

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import app_environment
from keyturn.studio.web import Studio, create_studio_app


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
