"""Keyturn's own mails with some of a team's in their places: what the studio shows of both."""

from pathlib import Path

import pytest
from msgspec.structs import asdict
from tests.studio.web.fixtures import opened
from tests.studio.web.orders import form_of

from keyturn.errors import SettingsInvalid
from keyturn.mail.rendering.compiling import Rendered
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.theme import builtin_emails
from keyturn.service.settings import Brand, Folder, Kind, MailSettings, Settings
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.app import Studio

pytestmark = pytest.mark.slow

MARKUP = "password_reset/password_reset.mjml"
RESET = """\
{% extends "_layout/base.mjml" %}
{% block subject %}A new key for {{ name }}{% endblock %}
{% block preheader %}{% endblock %}
{% block card %}{{ part.button("Turn it", link) }}{% endblock %}
{% block reason %}Sent to {{ email }}{% endblock %}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mails" / "password_reset").mkdir(parents=True)
    (tmp_path / "mails" / MARKUP).write_text(RESET, "utf-8")
    return tmp_path / "mails"


@pytest.fixture
def gallery(own: Path) -> Gallery:
    kinds = {"school": Kind(brand={"name": "Harbour Primary"})}
    settings = Settings(
        brand=Brand(name="Northwind"), kinds=kinds, mail=MailSettings(templates=Folder(str(own)))
    )
    return Gallery(
        **asdict(builtin_emails(settings, {"Clinic": {"name": "Orchard Clinic"}}, reload=True))
    )


def rendered(gallery: Gallery, mail: str = "password_reset") -> Rendered:
    sample = next(iter(gallery.samples(mail).values()))
    return gallery.sample_templates()(sample).render_values(
        mail, sample.values, gallery.languages.choose("")
    )


def test_a_file_of_one_s_own_stands_in_for_that_one_alone(gallery: Gallery) -> None:
    assert gallery.names() == sorted(EMAILS)
    mail = rendered(gallery)
    assert mail.subject == "A new key for Ada"
    assert "Turn it" in mail.html
    assert "choose a new one at this address" in " ".join(mail.text.split())
    assert rendered(gallery, "password_changed").subject == "Your Northwind password was changed"
    studio = Studio(gallery=gallery, sender="a@northwind.example", token="")
    with opened(studio) as client:
        page = client.get("/studio/templates/password_reset?show=source").text
        assert ("A new key for" in page, "password_changed" in page) == (True, True)
        assert "mj-section" in client.get("/studio/files/_layout/base.mjml").text
        assert client.get("/studio/templates/password_changed?show=source").status_code == 200


def test_unknown_field_of_builtin_mail(gallery: Gallery) -> None:
    """A value that a mail does not have is reported under the mail's name."""
    studio = Studio(gallery=gallery, sender="a@northwind.example", token="")
    with opened(studio) as client:
        edited = {"edit": '{"nmae": "Ada"}'}
        page = client.get("/studio/templates/password_reset", params=edited).text
    assert form_of(page)["faults"] == {"/nmae": "PasswordReset has no field with this name."}


def test_wrong_values_of_brands() -> None:
    """A wrong value of a brand is reported under its name in TOML, with what it must be."""
    settings = Settings(kinds={"other one": Kind(brand={"accent": "red"})})
    with pytest.raises(SettingsInvalid) as caught:
        builtin_emails(settings, {"The Clinic": {"radius": "wide", "name": "Orchard"}})
    assert {fault.name: fault.message for fault in caught.value.faults} == {
        'kinds."other one".brand.accent': "must be a colour as #rrggbb, not 'red'",
        'studio.brands."The Clinic".radius': "must be a whole number from 0 to 24, not 'wide'",
    }


def test_a_layout_of_one_s_own_is_every_mail_s(gallery: Gallery, own: Path) -> None:
    (own / "_layout").mkdir()
    (own / "_layout" / "base.txt").write_text("Ours:\n{% block body %}{% endblock %}", "utf-8")
    assert [rendered(gallery, name).text.split("\n")[0] for name in gallery.names()] == [
        "Ours:"
    ] * len(gallery.names())
    assert gallery.users("_layout/base.txt") == gallery.names()
    assert gallery.source("_layout/base.txt").startswith("Ours:")
