"""A studio over a small folder, asked over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.serving import serving
from tests.studio.inbox.mails import WatchedMails
from tests.studio.web.fixtures import Client, Greeting, gallery_of, opened, write_templates

from keyturn.mail.languages.language import Languages
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.app import Studio, create_studio_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_templates(tmp_path / "email_templates")
    return tmp_path / "email_templates"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def gallery(folder: Path) -> Gallery:
    return gallery_of(folder, Languages("UTC", only=("en", "de", "ar")), Greeting)


@pytest.fixture
def studio(gallery: Gallery, inbox: Path) -> Studio:
    return Studio(
        gallery=gallery,
        sender="Northwind School <no-reply@northwind.example>",
        captured=WatchedMails(folder=inbox),
        token="",
    )


@pytest.fixture
def captured(studio: Studio) -> WatchedMails:
    assert isinstance(studio.captured, WatchedMails)
    return studio.captured


@pytest.fixture
def client(studio: Studio) -> Iterator[Client]:
    with opened(studio) as client:
        yield client


@pytest.fixture
def served(studio: Studio) -> Iterator[str]:
    """Serve the studio on a real socket; return its address."""
    with serving(create_studio_app(studio)) as url:
        yield f"{url}/studio"
        studio.stopping.set()
