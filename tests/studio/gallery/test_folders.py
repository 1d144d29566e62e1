"""Folders as real teams have them, opened without any configuration."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.studio.folders import FOLDERS

from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery

MAILS = {
    "shop": ["order_confirmation", "order_shipped", "reset_password"],
    "school": ["emails/account/verify", "emails/courses/class_list", "emails/courses/enrolled"],
    "club": ["dues", "invitation", "welcome"],
}
SHARED = {
    "shop": ["base.html", "partials/footer.html", "partials/order_lines.html"],
    "school": [
        "emails/layouts/_footer.mjml",
        "emails/layouts/main.mjml",
        "emails/macros/parts.mjml",
    ],
    "club": ["_layout.mjml.j2"],
}


def opened(team: str, tmp_path: Path) -> Gallery:
    shutil.copytree(FOLDERS / team, tmp_path / team)
    return open_gallery(tmp_path / team)


def rendered(gallery: Gallery) -> Iterator[tuple[str, Rendered]]:
    """Render every mail with every sample, as the studio does."""
    templates_for, language = (
        gallery.sample_templates(with_lenient_filters),
        gallery.languages.choose(""),
    )
    for name in gallery.names():
        for sample in gallery.samples(name).values():
            yield name, templates_for(sample).render_values(name, sample.values, language)


@pytest.mark.parametrize("team", sorted(MAILS))
def test_each_mail_of_a_team_is_told_from_what_they_share_and_rendered(
    tmp_path: Path, team: str
) -> None:
    gallery = opened(team, tmp_path)
    assert (gallery.names(), gallery.shared_files()) == (MAILS[team], SHARED[team])
    for name, mail in rendered(gallery):
        assert mail.subject, name
        assert "</html>" in mail.html, name
        assert "{{" not in mail.html, name
        assert bool(mail.text) == bool(gallery.files(name).text), name
    rules = {found.rule for found in check_gallery(gallery).found if found.severity == "error"}
    assert not rules & {
        "jinja/undefined",
        "jinja/error",
        "jinja/syntax",
        "jinja/missing-template",
        "unchecked/part",
    }


def test_what_is_made_up_is_plausible(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    order = shop.samples("order_confirmation")["guessed"].values["order"]
    mail = dict(rendered(shop))["order_confirmation"]
    assert (order["customer"], order["is_gift"]) == (
        {"first_name": "Ada", "full_name": "Ada Byrne"},
        True,
    )
    assert isinstance(order["created_at"], datetime)
    assert [item["name"] for item in order["items"]] == [
        "Canvas bag",
        "Dotted notebook, A5",
        "Enamel mug",
    ]
    assert mail.subject == "Your order 1042"
    assert "See your order: https://www.example.com/orders/1042" in mail.text
    assert "&euro; 62.40" in mail.html


def test_samples_come_in_every_form(tmp_path: Path) -> None:
    club = opened("club", tmp_path)
    samples = [sample for name in club.names() for sample in club.samples(name).values()]
    files = {"grace": "samples/dues.json", "spring": "invitation/samples.toml"}
    assert {one.name: one.file for one in samples} == files | dict.fromkeys(
        ("ada", "no name"), "welcome.toml"
    )
    assert {one.kind for one in samples} == {"plain"}
    assert club.samples("welcome")["ada"].values["boat"]["from"].strftime("%d %B") == "20 November"
    assert [entry.samples for entry in club.entries()] == [
        ("grace",),
        ("spring",),
        ("ada", "no name"),
    ]


def test_a_guess_follows_what_is_saved(tmp_path: Path) -> None:
    shop = opened("shop", tmp_path)
    before = shop.samples("order_shipped")["guessed"].values
    footer = shop.folder / "partials" / "footer.html"
    footer.write_text(footer.read_text() + "{{ phone_number }}")
    after = shop.samples("order_shipped")["guessed"].values
    assert after == {**before, "phone_number": "+44 113 496 0123"}
