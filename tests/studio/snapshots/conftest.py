"""A small folder of mails."""

from pathlib import Path

import pytest
from tests.studio.web.fixtures import Greeting, write_templates

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery import Gallery


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_templates(tmp_path / "email_templates")
    return tmp_path / "email_templates"


@pytest.fixture
def gallery(folder: Path) -> Gallery:
    return Gallery(
        templates=Templates(folder, branding({"name": "Northwind School"}, Palette()), reload=True),
        languages=Languages("UTC"),
        props={"greeting": Greeting},
    )
