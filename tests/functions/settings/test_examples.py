"""The settings of the examples without a demo. tests/browser/elements opens their pages."""

from pathlib import Path

import pytest

from keyturn.service.settings.reading import read_settings

EXAMPLES = Path(__file__).parents[3] / "examples"
WITHOUT_A_DEMO = [file for file in EXAMPLES.glob("*/keyturn.toml") if not (file.parent / "schema.sql").exists()]
SECRETS = {"KEYTURN_SECRET_KEY": "s" * 32, "RESEND_API_KEY": "re_example"}


@pytest.mark.parametrize("file", sorted(WITHOUT_A_DEMO), ids=lambda file: file.parent.name)
def test_the_settings_of_an_example_hold(file: Path) -> None:
    settings = read_settings(file, SECRETS)

    assert settings.environment == "production"
    assert settings.secure
