"""A studio that others can reach opens with the token of its address, and with nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.emails.studio.fixtures import Client, capture

from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.access import COOKIE, token_for

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"


@pytest.fixture
def reachable(studio: Studio) -> Studio:
    return replace(studio, host="0.0.0.0", token=TOKEN)  # noqa: S104


@pytest.fixture
def client(reachable: Studio) -> Iterator[Client]:
    with TestClient(create_studio_app(reachable), base_url="http://192.0.2.7:8001") as client:
        yield client


@pytest.mark.parametrize("path", ["", "/templates/greeting", "/frames/greeting", "/inbox", "/static/studio.js"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}"])
@pytest.mark.long
def test_without_the_token_no_part_of_it_answers(client: Client, path: str, token: str) -> None:
    answer = client.get(f"/studio{path}{token}")
    assert answer.status_code == 403
    assert "?token=" in answer.text
    assert "greeting" not in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize(("address", "refused"), [("/studio/nothing/here", 403), ("/inbox/none", 404)])
def test_the_page_of_a_wrong_address_lists_the_mails_only_with_the_token(
    client: Client, address: str, refused: int
) -> None:
    for cookie, answered in (
        (f"{COOKIE}={TOKEN}", (404, True)),
        (f"{COOKIE}=wrong", (refused, False)),
        ("", (refused, False)),
    ):
        answer = client.get(address, headers={"accept": "text/html", "cookie": cookie})
        assert (answer.status_code, "greeting" in answer.text) == answered


def test_no_captured_mail_is_handed_out_without_it(client: Client, inbox: Path) -> None:
    name = capture(inbox, "Welcome")
    assert {client.get(f"/studio/inbox/{name}{end}").status_code for end in ("", "/frame", "/raw")} == {403}


def test_the_token_becomes_a_cookie_and_leaves_the_address(client: Client) -> None:
    answer = client.get(f"/studio/templates/greeting?sample=grace&token={TOKEN}&width=375", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/studio/templates/greeting?sample=grace&width=375"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/studio"} <= set(cookie.split("; "))

    assert "Grace" in client.get(answer.headers["location"]).text
    assert client.get("/studio/static/studio.js").status_code == 200


def test_the_bare_address_keeps_the_token_on_its_way(client: Client) -> None:
    assert client.get(f"/?token={TOKEN}").url.path == "/studio"
    assert client.get("/studio").status_code == 200


def test_a_cookie_that_is_not_the_token_opens_nothing(client: Client) -> None:
    assert client.get("/studio/templates/greeting", headers={"cookie": f"{COOKIE}=wrong"}).status_code == 403


def test_every_studio_has_a_token_of_its_own() -> None:
    assert len({token_for("0.0.0.0") for _ in range(100)}) == 100  # noqa: S104
    assert token_for("127.0.0.1") == ""


def test_a_token_that_was_given_is_the_one_and_a_short_one_is_refused() -> None:
    assert token_for("0.0.0.0", TOKEN) == token_for("127.0.0.1", TOKEN) == TOKEN  # noqa: S104
    for guessed in (TOKEN[:-1], "x" * 201, "a token with a space in it", "ü" * 30):
        with pytest.raises(ValueError, match="22 to 200 letters"):
            token_for("0.0.0.0", guessed)  # noqa: S104


def test_a_studio_that_others_can_reach_is_not_made_without_one(studio: Studio) -> None:
    with pytest.raises(ValueError, match=r"a studio on 0\.0\.0\.0 needs a token"):
        create_studio_app(replace(studio, host="0.0.0.0"))  # noqa: S104


def test_on_this_machine_nothing_is_asked(studio: Studio) -> None:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        assert client.get("/studio/templates/greeting").status_code == 200
