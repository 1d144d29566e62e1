"""To whom the studio answers: a name that an attacker points at this machine opens nothing, and the
token the API.
"""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Request, Response, get
from litestar.testing import TestClient
from tests.studio.web.fixtures import Client, capture, opened

from keyturn.studio.web.access import browser_host
from keyturn.studio.web.app import Studio, studio_routers

TOKEN = "a-token-that-nobody-guesses"
PATHS = (
    *(
        "/studio",
        "/studio/templates/greeting",
        "/studio/frames/greeting",
        "/studio/inbox",
        "/studio/events",
    ),
    *(
        "/studio/static/studio.js",
        "/studio/inbox/{mail}",
        "/studio/inbox/{mail}/frame",
        "/studio/inbox/{mail}/raw",
    ),
    *("/api/messages", "/api/v1/search", "/api/message/latest", "/view/latest.html"),
)


def status(studio: Studio, host: str, path: str = "/studio/templates/greeting") -> int:
    with opened(studio) as client:
        token = {"token": studio.token} if studio.token else {}
        return client.get(
            path, params=token, headers={"host": host}, follow_redirects=False
        ).status_code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.long
def test_no_part_of_the_studio_and_of_its_api_answers_to_another_name(
    studio: Studio, inbox: Path, path: str
) -> None:
    mail = capture(inbox, "Welcome")
    assert status(studio, "evil.example", path.format(mail=mail)) == 421


def test_a_stranger_learns_nothing_of_what_there_is(studio: Studio) -> None:
    with opened(studio, "http://evil.example") as client:
        answer = client.get("/studio/templates/greeting")
        nothing = client.get("/studio/nothing/here", headers={"accept": "text/html"})
        nowhere = client.get("/inbox/none", headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert "greeting" not in answer.text
    assert (nowhere.status_code, nowhere.headers["content-type"]) == (
        404,
        "application/problem+json",
    )
    assert "greeting" not in nowhere.text
    assert nothing.status_code == 421


@pytest.mark.parametrize(
    ("bound", "host", "code"),
    [
        *(
            ("127.0.0.1", host, 200)
            for host in (
                "127.0.0.1:8000",
                "127.0.0.1",
                "localhost:3000",
                "LOCALHOST",
                "[::1]:8000",
                "127.8.0.1",
            )
        ),
        ("127.0.0.1", browser_host(TOKEN), 303),
        ("0.0.0.0", f"{browser_host(TOKEN)}:8000", 303),  # noqa: S104
        *(
            ("127.0.0.1", host, 421)
            for host in (
                *(
                    "evil.example",
                    "evil.example:8000",
                    "127.0.0.1.evil.example",
                    "localhost.evil.example",
                ),
                *("evil.localhost", f"x.{browser_host(TOKEN)}"),
                *("192.0.2.7", "", "[::1", "evil.example@127.0.0.1.example"),
            )
        ),
        ("0.0.0.0", "192.0.2.7:8000", 303),  # noqa: S104
        ("0.0.0.0", "studio.lan", 421),  # noqa: S104
        ("studio.lan", "studio.lan:8000", 303),
        ("studio.lan", "192.0.2.7", 303),
        ("studio.lan", "evil.example", 421),
        ("localhost", "localhost:8000", 200),
        ("::1", "192.0.2.7", 421),
    ],
)
@pytest.mark.long
def test_it_answers_to_names_that_nobody_can_rename(
    studio: Studio, bound: str, host: str, code: int
) -> None:
    assert status(replace(studio, host=bound, token=TOKEN), host) == code


def test_in_an_app_only_the_studio_is_guarded(studio: Studio) -> None:
    @get("/", sync_to_thread=False)
    def home() -> str:
        return "home"

    with TestClient(
        Litestar([home, *studio_routers(studio)]), base_url="http://app.example"
    ) as client:
        assert client.get("/").text == "home"
        assert client.get("/studio/inbox").status_code == 421
        own = {"host": "127.0.0.1"}
        assert client.get("/studio/inbox", headers=own).status_code == 200
        assert (
            "/studio/static/studio.css"
            in client.get("/studio/templates/greeting", headers=own).text
        )
        assert not any(
            "studio" in path for path in client.get("/schema/openapi.json").json()["paths"]
        )


@pytest.mark.parametrize("path", ["/studio", "/api/messages"])
def test_the_check_of_an_app_around_the_studio_stays(studio: Studio, path: str) -> None:
    async def refuse(_: Request[Any, Any, Any]) -> Response[str]:
        return Response("Sign in first.", status_code=401)

    app = Litestar(studio_routers(studio), before_request=refuse)
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
        assert client.get(path).text == "Sign in first."


# Programs that use the API

BASIC = f"Basic {b64encode(f'any:{TOKEN}'.encode()).decode()}"


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", BASIC])
@pytest.mark.parametrize("host", ["mail:8025", "192.0.2.7", "localhost"])
@pytest.mark.long
def test_with_the_token_the_api_answers_under_any_name(
    studio: Studio, shown: str, host: str
) -> None:
    with opened(studio, "http://192.0.2.7", host="0.0.0.0", token=TOKEN) as client:  # noqa: S104
        assert (
            client.get("/api/messages", headers={"host": host, "authorization": shown}).status_code
            == 200
        )


def test_who_shows_no_token_is_told_how_to(studio: Studio) -> None:
    with opened(studio, "http://testserver.local", host="0.0.0.0", token=TOKEN) as client:  # noqa: S104
        answer = client.get("/api/messages")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["detail"].startswith("Send the token")
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://127.0.0.1:8001"}, {"sec-fetch-site": "none"}]
)
def test_programs_and_the_studios_own_pages_do(client: Client, headers: dict[str, str]) -> None:
    assert client.delete("/api/messages", headers=headers).status_code == 200


def test_beside_a_service_that_has_an_api_it_is_below_another_path(studio: Studio) -> None:
    with TestClient(
        Litestar(studio_routers(studio, programs="/studio")), base_url="http://127.0.0.1"
    ) as client:
        assert client.get("/studio/api/v1/messages").status_code == 200
        assert client.get("/studio/templates/greeting").status_code == 200
        assert client.get("/api/messages").status_code == 404
