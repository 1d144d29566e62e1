"""The parts of the demo; tests/demo runs it."""

import stat
from pathlib import Path

import pytest

from keyturn.cli.demo.examples import DemoFolder, demo_settings
from keyturn.service.settings.rules.tables import SHORTEST_SECRET

pytestmark = pytest.mark.long

URL = "http://127.0.0.1:8000"


def test_nothing_leaves_the_machine() -> None:
    settings = demo_settings(URL, DemoFolder())

    assert settings.mail.transport == "capture"
    assert settings.mail.fallback == ""
    assert settings.resend.api_key == ""
    assert settings.smtp.host == ""
    assert settings.database.url.startswith("sqlite:///.keyturn/")


def test_what_the_environment_says_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_MAIL_TRANSPORT", "resend")
    monkeypatch.setenv("KEYTURN_DATABASE_URL", "postgresql://db.example/keyturn")

    test_nothing_leaves_the_machine()


def test_its_secret_key_is_made_once_and_is_the_owners_alone(workplace: Path) -> None:
    first, second = demo_settings(URL, DemoFolder()).secret_key, demo_settings(URL, DemoFolder()).secret_key

    assert first == second
    assert len(first) >= SHORTEST_SECRET
    assert stat.S_IMODE((workplace / ".keyturn" / "secret").stat().st_mode) == 0o600
