"""Folders as real teams have them, opened without any configuration."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.studio.folders import FOLDERS

from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check

MAILS = {
    "shop": ["order_confirmation", "order_shipped", "reset_password"],
    "school": ["emails/account/verify", "emails/courses/class_list", "emails/courses/enrolled"],
    "club": ["dues", "invitation", "welcome"],
}
SHARED = {
    "shop": ["base.html", "partials/footer.html", "partials/order_lines.html"],
    "school": ["emails/layouts/_footer.mjml", "emails/layouts/main.mjml", "emails/macros/parts.mjml"],
    "club": ["_layout.mjml.j2"],
}


@pytest.fixture(params=sorted(MAILS))
def team(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gallery(team: str, tmp_path: Path) -> Gallery:
    return opened(team, tmp_path)


def opened(team: str, tmp_path: Path) -> Gallery:
    shutil.copytree(FOLDERS / team, tmp_path / team)
    return open_gallery(tmp_path / team)


def rendered(gallery: Gallery) -> Iterator[tuple[str, Rendered]]:
    """Render every mail with every sample, as the studio does."""
    templates_for, language = gallery.renderers(with_lenient_filters), gallery.languages.choose("")
    for name in gallery.names():
        for sample in gallery.samples(name).values():
            yield name, templates_for(sample).render_values(name, sample.values, language)


def test_mails_are_told_from_what_they_share(gallery: Gallery, team: str) -> None:
    assert (gallery.names(), gallery.shared_files()) == (MAILS[team], SHARED[team])


def test_every_mail_is_rendered(gallery: Gallery) -> None:
    for name, mail in rendered(gallery):
        assert mail.subject, name
        assert "</html>" in mail.html, name
        assert "{{" not in mail.html, name
        assert bool(mail.text) == bool(gallery.files(name).text), name


def test_no_name_is_a_mistake(gallery: Gallery) -> None:
    rules = {found.rule for found in check(gallery).found if found.severity == "error"}

    assert not rules & {"jinja/undefined", "jinja/error", "jinja/syntax", "jinja/missing-template", "unchecked/part"}


def test_what_is_made_up_is_plausible(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)

    order = shop.samples("order_confirmation")["guessed"].values["order"]
    mail = dict(rendered(shop))["order_confirmation"]

    assert (order["customer"], order["is_gift"]) == ({"first_name": "Ada", "full_name": "Ada Byrne"}, True)
    assert isinstance(order["created_at"], datetime)
    assert [item["name"] for item in order["items"]] == ["Canvas bag", "Dotted notebook, A5", "Enamel mug"]
    assert mail.subject == "Your order 1042"
    assert "See your order: https://www.example.com/orders/1042" in mail.text
    assert "&euro; 62.40" in mail.html


def test_samples_come_in_every_form(tmp_path: Path) -> None:
    club = opened("club", tmp_path)

    def written(name: str) -> Mapping[str, tuple[str, str]]:
        return {one.name: (one.kind, one.origin) for one in club.samples(name).values()}

    assert written("welcome") == {"ada": ("plain", "welcome.toml:1"), "no name": ("plain", "welcome.toml:6")}
    assert written("dues") == {"grace": ("plain", "samples/dues.json:2")}
    assert written("invitation") == {"spring": ("plain", "invitation/samples.toml:1")}
    assert club.samples("welcome")["ada"].values["boat"]["from"].strftime("%d %B") == "20 November"
    assert [entry.samples for entry in club.entries()] == [("grace",), ("spring",), ("ada", "no name")]


def test_samples_from_further_up_say_where_they_are(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "reset_password.toml").write_text('[ada]\nreset_url = "https://shop.example/1"\n')

    assert shop.samples("reset_password")["ada"].origin == "../samples/reset_password.toml:1"
    assert tmp_path / "samples" in shop.watched_folders


def test_a_guess_follows_what_is_saved(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    before = shop.samples("order_shipped")["guessed"].values

    footer = shop.folder / "partials" / "footer.html"
    footer.write_text(footer.read_text() + "{{ phone_number }}")

    after = shop.samples("order_shipped")["guessed"].values
    assert after == {**before, "phone_number": "+44 113 496 0123"}


def test_a_look_within_another_sees_what_was_saved_since(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    with shop.one_look():
        before = shop.names()
        (shop.folder / "goodbye.html").write_text("<html>Goodbye</html>")
        assert [entry.name for entry in shop.entries()] == before
        with shop.one_look():
            assert shop.names() == ["goodbye", *before]


def test_a_mail_that_is_broken_leaves_the_others_alone(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    (shop.folder / "order_shipped.html").write_text("<html>{% if %}")

    entries: list[Any] = [(entry.name, entry.unreadable) for entry in shop.entries()]

    assert entries == [(name, False) for name in MAILS["shop"]]
    assert shop.samples("reset_password")["guessed"].values["user"]
