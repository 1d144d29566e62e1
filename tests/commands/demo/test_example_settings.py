"""The examples of the five apps: what their files say, and what their demos make of it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.processes.sources.adopted import EXAMPLES, variables_of

from keyturn.cli.demo.examples import DemoFolder, Example, PlainDemo, example_names
from keyturn.service.reset.mails.theme import palette_of
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings
from keyturn.service.settings.rules.every_rule import broken_rules

pytestmark = pytest.mark.long

URL = "http://127.0.0.1:8000"
FIVE = ("easemail", "ivory-mirro", "nextjs-app", "teacher-resources", "waibuk")


five = pytest.mark.parametrize("name", FIVE)


def written(name: str) -> Settings:
    """Return what an example's file says under the variables of its env.example, in its own folder."""
    return read_settings(EXAMPLES / name / "keyturn.toml", variables_of(name) | {"KEYTURN_SECRET_KEY": "s" * 32})


def test_the_five_apps_are_the_examples_with_a_story() -> None:
    assert tuple(example_names()) == FIVE


@five
def test_an_example_s_file_holds_with_the_variables_of_its_app(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES / name)
    settings = written(name)

    assert settings.environment == "production"
    assert palette_of(settings.brand)[1] == []
    for logo in (
        settings.brand.logo,
        settings.brand.logo_dark,
        settings.brand.mail_logo,
        settings.brand.mail_logo_dark,
    ):
        assert Path(logo).parent.samefile(EXAMPLES / name)


@pytest.mark.parametrize("name", ["", *FIVE])
def test_nothing_of_a_demo_leaves_the_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_MAIL_TRANSPORT", "resend")
    monkeypatch.setenv("KEYTURN_DATABASE_URL", "postgresql://db.example/keyturn")
    settings = (Example(name, URL, DemoFolder(name)) if name else PlainDemo(URL, DemoFolder())).settings

    assert list(broken_rules(settings, sending=True)) == []
    assert (settings.mail.transport, settings.mail.fallback, settings.resend.api_key, settings.smtp.host) == (
        "capture",
        "",
        "",
        "",
    )
    places = (settings.database.url, settings.accounts.table.url or settings.database.url)
    assert all(place.startswith(f"sqlite:///.keyturn/{name}") for place in places)
    assert not settings.accounts.supabase.url or urlsplit(settings.accounts.supabase.url).hostname == "127.0.0.1"
