"""A folder of notifications in Liquid, and templates that a test writes."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.emails.engines.liquid.folders import NOTIFICATIONS, Written

from keyturn.emails.engines.liquid import open_liquid
from keyturn.emails.gallery import Gallery


@pytest.fixture(scope="session")
def notifications() -> Gallery:
    return open_liquid(NOTIFICATIONS)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Open a folder with one mail, `mail.liquid`, and other files by their names."""

    def write(source: str, others: Mapping[str, str] | None = None) -> Gallery:
        for name, text in {"mail.liquid": source, **(others or {})}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        return open_liquid(tmp_path)

    return write
