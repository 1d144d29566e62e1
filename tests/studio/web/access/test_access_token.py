"""A studio opens with the token of its address, and with nothing else: every user of a machine reaches its ports."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.studio.web.fixtures import Client, capture, opened

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.access import token_for
from keyturn.studio.web.app import Studio, create_studio_app

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"
OTHER = "9LwAkT3vQ9mXh2Jr0pZsYc"
COOKIE = "keyturn_studio_8001"
EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture(params=["127.0.0.1", "::1", "localhost", EVERYWHERE])
def guarded(request: pytest.FixtureRequest, studio: Studio, tmp_path: Path) -> Studio:
    return replace(studio, host=request.param, token=TOKEN, settings=StudioSettings(snapshots=tmp_path / "snapshots"))


@pytest.fixture
def client(studio: Studio) -> Iterator[Client]:
    with opened(studio, token=TOKEN) as client:
        yield client


def requests_of(app: Litestar) -> list[tuple[str, str]]:
    """Return a request for each method of each route."""
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    paths = {route: re.sub(r"\{\w+:int\}", "1", route.path) for route in routes}
    return [(method, re.sub(r"\{[\w:]+\}", "greeting", paths[route])) for route in routes for method in route.methods]


@pytest.mark.parametrize("headers", [{}, {"cookie": f"{COOKIE}={OTHER}"}, {"authorization": f"Bearer {OTHER}"}])
def test_another_user_of_the_machine_gets_nothing(guarded: Studio, inbox: Path, headers: dict[str, str]) -> None:
    capture(inbox, "Welcome")
    asked = requests_of(create_studio_app(guarded))
    areas = {f"{method} {'/'.join(path.split('/')[:3])}" for method, path in asked}
    assert {"GET /studio/templates", "POST /studio/drafts", "GET /studio/events", "GET /studio/inbox"} <= areas
    assert {"GET /api/messages", "DELETE /api/messages", "GET /studio/static"} <= areas
    with opened(guarded) as client:
        for method, path in asked:
            same = {"sec-fetch-site": "same-origin", "accept": "text/html"}
            answer = client.request(method, path, headers=same | headers, follow_redirects=True)
            if method == "OPTIONS" and answer.status_code == 204:  # which methods a route has, and nothing else
                assert answer.content == b""
                continue
            refusal = 403 if path == "/" or path.startswith("/studio") else 401
            assert answer.status_code == refusal, f"{method} {path}"
            assert not re.search("greeting|Welcome", answer.text.replace(path, "")), f"{method} {path}"
            assert TOKEN not in answer.text


@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}"])
def test_who_is_refused_is_told_where_the_token_is(client: Client, token: str) -> None:
    answer = client.get(f"/studio/templates/greeting{token}")
    assert answer.status_code == 403
    assert "Open the address with ?token= that the terminal of keyturn shows." in answer.text
    assert "after a restart, open the new address" in answer.text
    assert "greeting" not in answer.text


def test_studios_on_several_ports_of_a_machine_are_open_at_once(studio: Studio) -> None:
    """A browser has one jar of cookies for all ports of a host."""
    tokens = {8001: TOKEN, 8002: OTHER}
    jar: dict[str, str] = {}
    for shown, (port, token) in product((True, False), tokens.items()):
        with opened(studio, f"http://127.0.0.1:{port}", token=token) as client:
            client.cookies.update(jar)
            query = {"token": token} if shown else {}
            assert client.get("/studio/templates/greeting", params=query).status_code == 200
            jar |= dict(client.cookies)


def test_the_page_of_a_wrong_address_lists_the_mails_only_with_the_token(client: Client) -> None:
    for cookie, answered in ((f"{COOKIE}={TOKEN}", (404, True)), (f"{COOKIE}=wrong", (403, False)), ("", (403, False))):
        answer = client.get("/studio/nothing/here", headers={"accept": "text/html", "cookie": cookie})
        assert (answer.status_code, "greeting" in answer.text) == answered


def test_the_token_becomes_a_cookie_and_leaves_the_address(client: Client) -> None:
    client.cookies.set(COOKIE, OTHER, "127.0.0.1", "/studio")  # before a restart
    answer = client.get(f"/studio/templates/greeting?sample=grace&token={TOKEN}&width=375", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/studio/templates/greeting?sample=grace&width=375"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/studio"} <= set(cookie.split("; "))
    assert "Grace" in client.get(answer.headers["location"]).text
    assert client.get("/studio/static/studio.js").status_code == 200
    assert client.get(f"/?token={TOKEN}").url.path == "/studio", "the bare address keeps it on its way"


def test_every_studio_has_a_token_of_its_own_or_a_given_one_that_is_long_enough(studio: Studio) -> None:
    assert len({token_for() for _ in range(100)}) == 100
    assert token_for(TOKEN) == TOKEN
    for guessed in (TOKEN[:-1], "x" * 201, "a token with a space in it", "ü" * 30):
        with pytest.raises(ValueError, match="22 to 200 letters"):
            token_for(guessed)
    with pytest.raises(ValueError, match=r"a studio on 0\.0\.0\.0 needs a token"):
        create_studio_app(replace(studio, host=EVERYWHERE, token=""))


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
def test_no_route_obeys_another_site(studio: Studio, inbox: Path, tmp_path: Path, headers: dict[str, str]) -> None:
    capture(inbox, "Welcome")
    before = contents(tmp_path)
    studio = replace(studio, settings=StudioSettings(snapshots=tmp_path / "snapshots"))
    asked = [one for one in requests_of(create_studio_app(studio)) if one[0] not in {"GET", "HEAD", "OPTIONS"}]
    if headers in PROGRAMS:
        asked = [(method, path) for method, path in asked if not path.startswith("/api")]
    areas = {path.split("/")[2] for _, path in asked}
    assert {"drafts", "inbox", "send", "snapshots", "sources", "templates"} <= areas
    with opened(studio) as client:
        answers = {(method, path): client.request(method, path, headers=headers).status_code for method, path in asked}
    assert answers == dict.fromkeys(asked, 403)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
