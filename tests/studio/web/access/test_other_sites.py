"""A page of another site changes nothing: no route of the studio takes anything from it, and none of the API."""

from dataclasses import replace
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.studio.web.access.test_access_token import requests_of
from tests.studio.web.fixtures import capture

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.app import Studio, create_studio_app

SITES = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8001"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]
PROGRAMS = [{"accept": "*/*"}, {"sec-fetch-site": "none"}]
"""What programs send: they may use the API, and no form of a page."""


@pytest.mark.parametrize("headers", [*SITES, *PROGRAMS], ids=str)
def test_no_route_takes_anything_from_a_page_of_another_site(
    studio: Studio, inbox: Path, tmp_path: Path, headers: dict[str, str]
) -> None:
    capture(inbox, "Welcome")
    before = contents(tmp_path)
    app = create_studio_app(replace(studio, settings=StudioSettings(snapshots=tmp_path / "snapshots")))
    asked = [(method, path) for method, path in requests_of(app) if method not in {"GET", "HEAD", "OPTIONS"}]
    if headers in PROGRAMS:
        asked = [(method, path) for method, path in asked if not path.startswith("/api")]
    areas = {path.split("/")[2] for _, path in asked}
    assert {"drafts", "inbox", "send", "snapshots", "sources", "templates"} <= areas
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
        answers = {(method, path): client.request(method, path, headers=headers).status_code for method, path in asked}
    assert answers == dict.fromkeys(asked, 403)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
