"""The inbox as a team uses it: inboxes of their own, ticked mails, links to copy, mails in the palette."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar.testing import TestClient
from tests.emails.inbox.mails import mail
from tests.emails.studio.fixtures import Client

from keyturn.emails.inbox.boxes import Boxes, NamedBox
from keyturn.emails.inbox.query import UNREAD
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import Envelope
from keyturn.emails.studio import Studio, create_studio_app

OWN = {"sec-fetch-site": "same-origin"}
KEY = "kT3vQ9mXh2Jr0pZsYc7LwA"
RESET = "https://account.northwind.example/reset?token=q8Zx3Yk1mN5pR7tV9wB2dF4h"


@pytest.fixture
def boxes() -> Boxes:
    return Boxes(CapturedMails(), {"shop": NamedBox(mails=CapturedMails(), password="its own", key=KEY)})


@pytest.fixture
def studio(studio: Studio, boxes: Boxes) -> Studio:
    return replace(studio, captured=boxes.usual, boxes=boxes)


@pytest.fixture
def mails(boxes: Boxes) -> dict[str, str]:
    """Return the ids of a mail in each inbox."""
    return {name: mails.add(bytes(mail(f"For {name or 'all'}"))) for name, mails in boxes.all.items()}


@pytest.fixture
def team(studio: Studio) -> Iterator[Client]:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        yield client


def test_a_page_shows_one_inbox_and_leads_to_the_other(team: Client, mails: dict[str, str]) -> None:
    usual, shop = team.get("/studio/inbox").text, team.get("/studio/inbox?box=shop").text
    assert "For all" in usual
    assert "For shop" not in usual
    assert 'href="?box=shop"' in usual
    assert "For shop" in shop
    assert "For all" not in shop
    assert "For shop" in team.get(f"/studio/inbox/{mails['shop']}").text
    assert team.get(f"/studio/inbox/{mails['shop']}/raw").status_code == 200


def test_a_key_reads_and_deletes_in_its_inbox_only(team: Client, mails: dict[str, str], boxes: Boxes) -> None:
    with_key = {"authorization": f"Bearer {KEY}"}
    (listed,) = team.get("/api/v1/messages", headers=with_key).json()["messages"]
    assert listed["Subject"] == "For shop"
    assert team.get(f"/api/v1/message/{mails['']}", headers=with_key).status_code == 404
    assert team.get(f"/api/v1/message/{mails['shop']}").status_code == 404
    assert team.delete("/api/v1/messages", headers=with_key).status_code == 200
    assert [each.kept for each in boxes.all.values()] == [1, 0]


def test_a_mistyped_key_and_an_unknown_inbox_open_no_other(team: Client, mails: dict[str, str], boxes: Boxes) -> None:
    assert mails
    mistyped = {"authorization": f"Bearer {KEY[:-1]}x"}
    assert team.get("/api/messages", headers=mistyped).status_code == 401
    assert team.delete("/api/messages", headers=mistyped).status_code == 401
    assert team.get("/studio/inbox?box=shp").status_code == 404
    assert team.post("/studio/inbox/delete?box=shp", headers=OWN).status_code == 404
    assert [each.kept for each in boxes.all.values()] == [1, 1]


def test_where_others_can_reach_it_a_key_is_enough_for_the_api_and_not_for_the_pages(studio: Studio) -> None:
    reachable = replace(studio, host="0.0.0.0", token="aT3vQ9mXh2Jr0pZsYc7LwB")  # noqa: S104
    with TestClient(create_studio_app(reachable), base_url="http://192.0.2.7") as client:
        for key, status in {KEY: 200, KEY[:-1]: 401, "": 401}.items():
            assert client.get("/api/messages", headers={"authorization": f"Bearer {key}"}).status_code == status
        assert client.get("/studio/inbox", headers={"authorization": f"Bearer {KEY}"}).status_code == 403


def test_ticked_mails_are_marked_and_deleted_together(team: Client, boxes: Boxes) -> None:
    ids = [boxes.usual.add(bytes(mail(str(number)))) for number in range(3)]
    for do, unread in (("read", 1), ("unread", 3)):
        answer = team.post("/studio/inbox/chosen", data={"do": do, "ids": ids[:2]}, headers=OWN, follow_redirects=False)
        assert answer.status_code == 303
        assert boxes.usual.count(UNREAD) == unread
    team.post("/studio/inbox/chosen", data={"do": "delete", "ids": ids[:2]}, headers=OWN)
    assert [each.subject for each in boxes.usual.newest()] == ["2"]


@pytest.mark.parametrize("form", [{"do": "burn", "ids": ["x"]}, {}, {"do": "delete", "ids": ["x"] * 101}])
def test_a_form_that_cannot_be_read_changes_nothing(team: Client, mails: dict[str, str], form: dict[str, str]) -> None:
    answer = team.post("/studio/inbox/chosen", data=form, headers=OWN)
    assert answer.status_code == 400
    assert mails[""] in team.get("/studio/inbox").text


def test_another_site_ticks_nothing_and_no_tick_deletes_nothing(team: Client, mails: dict[str, str]) -> None:
    form = {"do": "delete", "ids": mails[""]}
    assert team.post("/studio/inbox/chosen", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert team.post("/studio/inbox/chosen", data={"do": "delete"}, headers=OWN).status_code == 200
    assert mails[""] in team.get("/studio/inbox").text


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"Hello\n{RESET}\nhttps://northwind.example/privacy?token=q8Zx3Yk1mN5pR7tV9w\n", RESET),
        (f"Hello\n{RESET}\nhttps://northwind.example/unsubscribe/q8Zx3Yk1mN5pR7tV9w\n", RESET),
        (f"Hello\n{RESET}\n{RESET}other\n", ""),
        ("Hello\nhttps://northwind.example/welcome\n", ""),
    ],
)
def test_the_one_link_with_a_secret_has_a_copy_button(team: Client, boxes: Boxes, text: str, link: str) -> None:
    page = team.get(f"/studio/inbox/{boxes.usual.add(bytes(mail(text=text)))}").text
    assert ('id="copy-link"' in page) == bool(link)
    assert not link or f'data-copy="{link}"' in page


def test_the_envelope_names_all_recipients(team: Client, boxes: Boxes) -> None:
    envelope = Envelope(recipients=("ada@northwind.example", "hidden@northwind.example"))
    page = team.get(f"/studio/inbox/{boxes.usual.add(bytes(mail()), envelope)}").text
    assert "<dt>Recipients (RCPT TO)</dt><dd>ada@northwind.example, hidden@northwind.example</dd>" in page


def test_the_palette_finds_the_mails_of_all_inboxes(team: Client, mails: dict[str, str]) -> None:
    found = {each["label"]: each["href"] for each in team.get("/studio/index.json").json() if each["kind"] == "Mail"}
    assert set(found.values()) == {f"/studio/inbox/{mail_id}" for mail_id in mails.values()}
    assert any(label.startswith("For shop") for label in found)


def test_the_certificate_is_handed_out_where_there_is_one(team: Client, studio: Studio) -> None:
    assert team.get("/api/certificate").status_code == 404
    with TestClient(create_studio_app(replace(studio, certificate="PEM")), base_url="http://127.0.0.1") as client:
        assert client.get("/api/v1/certificate").text == "PEM"
