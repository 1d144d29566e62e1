"""The Host header: a name that an attacker points at this machine does not open the studio."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Request, Response, get
from litestar.testing import TestClient
from tests.studio.web.fixtures import capture

from keyturn.studio.web.app import Studio, create_studio_app, studio_routers

TOKEN = "a-token-that-nobody-guesses"
PATHS = (
    *("/studio", "/studio/templates/greeting", "/studio/frames/greeting", "/studio/inbox", "/studio/events"),
    *("/studio/static/studio.js", "/studio/inbox/{mail}", "/studio/inbox/{mail}/frame", "/studio/inbox/{mail}/raw"),
    *("/api/messages", "/api/v1/search", "/api/message/latest", "/view/latest.html"),
)


def status(studio: Studio, host: str, path: str = "/studio/templates/greeting") -> int:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1") as client:
        opened = {"token": studio.token} if studio.token else {}
        return client.get(path, params=opened, headers={"host": host}, follow_redirects=False).status_code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.long
def test_no_part_of_the_studio_and_of_its_api_answers_to_another_name(studio: Studio, inbox: Path, path: str) -> None:
    mail = capture(inbox, "Welcome")
    assert status(studio, "evil.example", path.format(mail=mail)) == 421


def test_a_stranger_learns_nothing_of_what_there_is(studio: Studio) -> None:
    with TestClient(create_studio_app(studio), base_url="http://evil.example") as client:
        answer = client.get("/studio/templates/greeting")
        nothing = client.get("/studio/nothing/here", headers={"accept": "text/html"})
        nowhere = client.get("/inbox/none", headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert "greeting" not in answer.text
    assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")
    assert "greeting" not in nowhere.text
    assert nothing.status_code == 421


@pytest.mark.parametrize(
    ("bound", "host", "code"),
    [
        *(
            ("127.0.0.1", host, 303)
            for host in ("127.0.0.1:8000", "127.0.0.1", "localhost:3000", "LOCALHOST", "[::1]:8000", "127.8.0.1")
        ),
        *(
            ("127.0.0.1", host, 421)
            for host in (
                *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"),
                *("192.0.2.7", "", "[::1", "evil.example@127.0.0.1.example"),
            )
        ),
        ("0.0.0.0", "192.0.2.7:8000", 303),  # noqa: S104
        ("0.0.0.0", "studio.lan", 421),  # noqa: S104
        ("studio.lan", "studio.lan:8000", 303),
        ("studio.lan", "192.0.2.7", 303),
        ("studio.lan", "evil.example", 421),
        ("localhost", "localhost:8000", 303),
        ("::1", "192.0.2.7", 421),
    ],
)
@pytest.mark.long
def test_it_answers_to_this_machine_to_the_name_it_is_bound_to_and_to_numbers_which_nobody_can_rename(
    studio: Studio, bound: str, host: str, code: int
) -> None:
    assert status(replace(studio, host=bound, token=TOKEN), host) == code


def test_in_an_app_only_the_studio_is_guarded(studio: Studio) -> None:
    @get("/", sync_to_thread=False)
    def home() -> str:
        return "home"

    with TestClient(Litestar([home, *studio_routers(studio)]), base_url="http://app.example") as client:
        assert client.get("/").text == "home"
        assert client.get("/studio/inbox").status_code == 421
        own = {"host": "127.0.0.1"}
        assert client.get("/studio/inbox", headers=own).status_code == 200
        assert "/studio/static/studio.css" in client.get("/studio/templates/greeting", headers=own).text
        assert not any("studio" in path for path in client.get("/schema/openapi.json").json()["paths"])


@pytest.mark.parametrize("path", ["/studio", "/api/messages"])
def test_the_check_of_an_app_around_the_studio_stays(studio: Studio, path: str) -> None:
    async def refuse(_: Request[Any, Any, Any]) -> Response[str]:
        return Response("Sign in first.", status_code=401)

    app = Litestar(studio_routers(studio), before_request=refuse)
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
        assert client.get(path).text == "Sign in first."
