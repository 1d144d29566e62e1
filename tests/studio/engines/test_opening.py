"""A Django project opened: which of its templates are mails, and what is said where it cannot be."""

from pathlib import Path

import pytest
from tests.studio.engines.opened import RECEIPT, WELCOME, Ask, Opened, names

from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.engines.django.project import open_project
from keyturn.studio.gallery.environments import CannotImport


def test_the_mails_of_a_project_are_told_from_its_pages(ask: Ask) -> None:
    mails, shared = ask(names)
    assert mails == [RECEIPT, WELCOME]
    assert shared == ["shop/emails/base.html", "shop/emails/footer.html"]


def _named(_: Opened, folder: str) -> list[str]:
    return open_project("northwind.settings", Path(folder)).names()


def _in_german(_: Opened, folder: str) -> Rendered:
    gallery, name = open_project("northwind.settings", Path(folder)), "registration/password_reset_email"
    sample = gallery.samples(name)["guessed"]
    return gallery.renderers()(sample).render_values(name, sample.values, gallery.languages.known["de"])


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
def test_a_project_that_cannot_be_opened_is_a_sentence(ask: Ask, settings: str, folder: str | None, said: str) -> None:
    assert said in ask(_refusal, settings, folder)


def _refusal(_: Opened, settings: str, folder: str | None) -> str:
    try:
        open_project(settings, Path(folder + "usr/share") if folder else None)
    except CannotImport as error:
        return str(error)
    return ""
