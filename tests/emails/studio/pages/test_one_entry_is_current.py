"""The navigation says where the reader is: at one place."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.emails.studio.fixtures import Client, capture

from keyturn.studio.web import Studio, create_studio_app


@pytest.fixture
def whole(studio: Studio, tmp_path: Path) -> Iterator[Client]:
    """Open a studio with all that the navigation may lead to."""
    with TestClient(
        create_studio_app(replace(studio, snapshots=tmp_path / "snapshots")), base_url="http://127.0.0.1:8001"
    ) as client:
        yield client


def current(page: str) -> list[str]:
    return re.findall(r'<a\b[^>]*id="([^"]+)"[^>]*aria-current="page"', page)


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("templates/greeting", "sample-1"),
        ("templates/greeting?sample=grace&show=source", "sample-2"),
        ("files/_layout/base.mjml", "file-1"),
        ("findings", "list-findings"),
        ("sheet", "list-sheet"),
        ("snapshots", "list-snapshots"),
        ("snapshots/greeting?sample=ada&lang=de", "waiting-2"),
        ("inbox", "inbox"),
        ("inbox?search=nothing", "inbox"),
        ("inbox/{mail}", "mail-{mail}"),
        ("send/greeting?sample=ada", "sample-1"),
    ],
)
@pytest.mark.long
def test_one_entry_of_the_navigation_is_the_current_page(whole: Client, inbox: Path, path: str, entry: str) -> None:
    mail = capture(inbox, "Welcome")
    answer = whole.get(f"/studio/{path.format(mail=mail)}")
    assert answer.status_code == 200
    assert current(answer.text) == [entry.format(mail=mail)]


def test_without_snapshots_the_page_of_snapshots_is_the_current_one(client: Client, inbox: Path) -> None:
    capture(inbox, "Welcome")
    assert current(client.get("/studio/snapshots").text) == ["list-snapshots"]
