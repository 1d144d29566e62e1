"""The examples: settings that hold, and pages that call what is there."""

import re
from pathlib import Path

import pytest

from keyturn.settings import read_settings

EXAMPLES = Path(__file__).parents[1] / "examples"
SECRETS = {"KEYTURN_SECRET_KEY": "s" * 32, "RESEND_API_KEY": "re_example"}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/keyturn.toml")), ids=lambda file: file.parent.name)
def test_the_settings_of_an_example_hold(file: Path) -> None:
    settings = read_settings(file, SECRETS)

    assert settings.environment == "production"
    assert settings.secure


def test_the_pages_call_routes_that_the_api_describes() -> None:
    described = (EXAMPLES.parent / "docs" / "http.md").read_text()
    pages = [page.read_text() for page in EXAMPLES.glob("own-pages/*.html")]
    called = {name for page in pages for name in re.findall(r'call\("([\w-]+)"', page)}

    assert called == {"request-password-reset", "validate-reset-token", "reset-password"}
    assert all(f"/api/auth/{name}`" in described for name in called)
