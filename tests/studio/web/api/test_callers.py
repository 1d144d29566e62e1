"""Which programs the API answers: this machine's, and who shows the token; pages of other sites never."""

from base64 import b64encode
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.studio.web.fixtures import Client

from keyturn.studio.web.app import Studio, create_studio_app, studio_routers

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"
PATHS = ("/api/messages", "/api/v1/search", "/api/message/latest", "/view/latest.html")


def basic(password: str) -> str:
    return f"Basic {b64encode(f'any:{password}'.encode()).decode()}"


def status(studio: Studio, path: str, authorization: str = "", host: str = "mail:8025") -> int:
    with TestClient(create_studio_app(studio), base_url="http://192.0.2.7") as client:
        return client.get(path, headers={"host": host, "authorization": authorization}).status_code


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN)])
@pytest.mark.parametrize("host", ["mail:8025", "192.0.2.7", "localhost"])
@pytest.mark.long
def test_with_the_token_it_answers_under_any_name(studio: Studio, shown: str, host: str) -> None:
    assert status(replace(studio, host="0.0.0.0", token=TOKEN), "/api/messages", shown, host) == 200  # noqa: S104


def test_who_shows_no_token_is_told_how_to(studio: Studio) -> None:
    with TestClient(create_studio_app(replace(studio, host="0.0.0.0", token=TOKEN))) as client:  # noqa: S104
        answer = client.get("/api/messages")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["detail"].startswith("Send the token")
    assert TOKEN not in answer.text


@pytest.mark.parametrize("headers", [{}, {"origin": "http://127.0.0.1:8001"}, {"sec-fetch-site": "none"}])
def test_programs_and_the_studios_own_pages_do(client: Client, headers: dict[str, str]) -> None:
    assert client.delete("/api/messages", headers=headers).status_code == 200


def test_where_nothing_is_captured_there_is_no_api(studio: Studio) -> None:
    with TestClient(create_studio_app(replace(studio, captured=None)), base_url="http://127.0.0.1") as client:
        assert client.get("/api/messages").status_code == 404


def test_beside_a_service_that_has_an_api_it_is_below_another_path(studio: Studio) -> None:
    with TestClient(Litestar(studio_routers(studio, programs="/studio")), base_url="http://127.0.0.1") as client:
        assert client.get("/studio/api/v1/messages").status_code == 200
        assert client.get("/studio/templates/greeting").status_code == 200
        assert client.get("/api/messages").status_code == 404
