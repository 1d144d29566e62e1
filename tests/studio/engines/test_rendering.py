"""A Django project opened, its mails rendered by Django itself, and traced to their lines."""

from pathlib import Path

import pytest
from tests.studio.engines.opened import (
    RECEIPT,
    WELCOME,
    Ask,
    Opened,
    found_in_all,
    languages,
    names,
    place_of,
    render,
)

from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.engines.django.project import open_project
from keyturn.studio.gallery.app_import import CannotImport


def test_a_mail_is_rendered_by_the_projects_own_tags_filters_and_addresses(ask: Ask) -> None:
    mail = ask(render, RECEIPT)
    assert (mail.subject, type(mail.html)) == ("Thank you, Ada", str)
    assert "<li>TEA &lt;GREEN&gt;: 9.95 EUR" in mail.html
    assert '[new] 29.90 <a href="https://shop.example/orders/17/">' in mail.html
    assert "The Northwind &amp; Co team" in mail.html
    assert mail.text == "Thank you, Ada.\nhttps://shop.example/orders/17/\n"


def test_a_mail_speaks_the_languages_that_the_project_names(ask: Ask) -> None:
    assert ask(languages) == ["de", "en", "pt-BR"]
    mail = ask(render, RECEIPT, "de")
    assert (mail.subject, "Ihre Rechnung" in mail.html, "20. November" in mail.html) == (
        "Danke, Ada",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<html", "shop/emails/base.html:2:1"),
        ("Your receipt", "shop/emails/receipt.html:5:5"),
        ("CUP", "shop/emails/receipt.html:9:7"),
        ("<img", "shop/emails/receipt.html:9:53"),
        ("[new]", "shop/emails/receipt.html:14:4"),
        ("29.90", "shop/emails/receipt.html:14:22"),
        ("<a href", "shop/emails/receipt.html:14:69"),
        ("Northwind &amp;", "shop/emails/footer.html:1:8"),
    ],
)
def test_what_is_rendered_leads_to_its_line_through_layouts_loops_and_includes(
    ask: Ask, text: str, place: str
) -> None:
    assert ask(place_of, RECEIPT, text) == place


def test_an_mjml_block_is_compiled_here_and_its_mistakes_have_lines(ask: Ask) -> None:
    mail = ask(render, WELCOME)
    assert "<mjml>" in mail.mjml
    assert "<mj-text" not in mail.html
    assert ("mjml/unknown-attribute", "shop/emails/welcome.html:6") in ask(found_in_all)


def test_the_mails_of_a_project_are_told_from_its_pages(ask: Ask) -> None:
    mails, shared = ask(names)
    assert mails == [RECEIPT, WELCOME]
    assert shared == ["shop/emails/base.html", "shop/emails/footer.html"]


def _named(_: Opened, folder: str) -> list[str]:
    return open_project("northwind.settings", Path(folder)).names()


def _in_german(_: Opened, folder: str) -> Rendered:
    gallery, name = (
        open_project("northwind.settings", Path(folder)),
        "registration/password_reset_email",
    )
    sample = gallery.samples(name)["guessed"]
    return gallery.sample_templates()(sample).render_values(
        name, sample.values, gallery.languages.known["de"]
    )


def test_a_folder_that_is_named_shows_all_it_holds_also_that_of_a_package(ask: Ask) -> None:
    import django.contrib.admin

    folder = Path(django.contrib.admin.__path__[0]) / "templates" / "registration"
    assert ask(_named, "shop/templates") == ["shop", RECEIPT, WELCOME]
    mail = ask(_in_german, str(folder))
    assert mail.subject.startswith("Passwort auf ")
    assert "/accounts/reset/" in mail.html


@pytest.mark.parametrize(
    ("settings", "folder", "said"),
    [
        ("northwind.setings", None, "there is no module northwind.setings"),
        ("northwind/settings.py", None, "write it as package.module"),
        ("", None, "name your settings module"),
        ("northwind.settings", "/", "no template loader looks into"),
    ],
)
def test_a_project_that_cannot_be_opened_is_a_sentence(
    ask: Ask, settings: str, folder: str | None, said: str
) -> None:
    assert said in ask(_refusal, settings, folder)


def _refusal(_: Opened, settings: str, folder: str | None) -> str:
    try:
        open_project(settings, Path(folder + "usr/share") if folder else None)
    except CannotImport as error:
        return str(error)
    return ""
