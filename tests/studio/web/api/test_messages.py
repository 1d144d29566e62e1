"""The captured mails for end-to-end tests: filtered, waited for, read, deleted."""

from datetime import UTC, datetime

import httpx
import pytest
from tests.studio.inbox.mails import WatchedMails, mail
from tests.studio.web.fixtures import Client

from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web.app import Studio

PREFIXES = pytest.mark.parametrize("api", ["/api", "/api/v1"])


@pytest.fixture
def three(captured: CapturedMails) -> list[str]:
    return [
        captured.add(
            bytes(
                mail(
                    "Your code is 482913",
                    "Ada <ada+login@northwind.example>",
                    "https://a.example/x?y=1",
                )
            )
        ),
        captured.add(bytes(mail("Welcome", "grace@northwind.example"))),
        captured.add(bytes(mail("Welcome back", "ada@northwind.example"))),
    ]


def subjects(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["Subject"] for each in answer.json()["messages"]]


@PREFIXES
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Welcome back", "Welcome", "Your code is 482913"]),
        ({"to": "ADA@northwind.example"}, ["Welcome back"]),
        ({"to": "northwind"}, []),
        ({"subject": "welcome"}, ["Welcome back", "Welcome"]),
        ({"subject": "welcome", "to": "grace@northwind.example"}, ["Welcome"]),
        ({"query": "to:ada subject:back"}, ["Welcome back"]),
        ({"limit": "1", "start": "1"}, ["Welcome"]),
        ({"since": "2020-01-01T00:00:00Z", "subject": "code"}, ["Your code is 482913"]),
        ({"since": "2999-01-01T00:00:00"}, []),
        ({"tz": "Europe/Berlin", "query": "grace"}, ["Welcome"]),
    ],
)
@pytest.mark.usefixtures("three")
@pytest.mark.long
def test_mails_are_found_by_what_is_asked(
    client: Client, api: str, query: dict[str, str], found: list[str]
) -> None:
    assert subjects(client.get(f"{api}/messages", params=query)) == found
    assert subjects(client.get(f"{api}/search", params=query)) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"wait": "soon"}, "wait takes a time, such as"),
        ({"wait": "61s"}, "at most 60s"),
        ({"limit": "0"}, "$.limit"),
        ({"limit": "5000"}, "$.limit"),
        ({"since": "yesterday"}, "$.since"),
        ({"subejct": "x"}, "subejct"),
        ({"query": "x" * 501}, "$.query"),
    ],
)
@pytest.mark.long
def test_what_cannot_be_asked_is_a_problem_that_names_it(
    client: Client, query: dict[str, str], said: str
) -> None:
    answer = client.get("/api/messages", params=query)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_a_list_has_mailpits_shape(client: Client, three: list[str]) -> None:
    client.get(f"/api/message/{three[1]}")
    listed = client.get("/api/v1/messages", params={"subject": "welcome", "limit": 1}).json()
    (row,) = listed.pop("messages")
    counts = {"total": 3, "unread": 2, "count": 1, "messages_count": 2, "messages_unread": 1}
    assert listed == {**counts, "start": 0, "tags": []}
    assert datetime.fromisoformat(row.pop("Created")) <= datetime.now(UTC)
    assert row.pop("Size") > 100
    assert row == {
        "ID": three[2],
        "MessageID": "",
        "Read": False,
        "Subject": "Welcome back",
        "Username": "",
        "Tags": [],
        "Attachments": 0,
        "From": {"Name": "Northwind School", "Address": "no-reply@northwind.example"},
        "To": [{"Name": "", "Address": "ada@northwind.example"}],
        "Cc": [],
        "Bcc": [],
        "ReplyTo": [],
        "Snippet": "Hello Ada",
    }


def test_a_mail_has_its_texts_links_codes_and_files(
    client: Client, captured: CapturedMails
) -> None:
    message = mail(
        "482913 is your code",
        html='<a href="https://a.example/reset?token=x">Reset</a><img src="cid:logo">',
    )
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="März.pdf")
    mail_id = captured.add(bytes(message))
    read = client.get(f"/api/v1/message/{mail_id}").json()
    assert (read["ID"], read["Text"], read["Codes"]) == (mail_id, "Hello Ada\n", ["482913"])
    assert read["Links"] == ["https://a.example/reset?token=x"]
    (part,) = read["Attachments"]
    assert (part["FileName"], part["ContentType"], part["Size"]) == (
        "März.pdf",
        "application/pdf",
        4,
    )
    assert client.get(f"/api/message/{mail_id}/raw").content == bytes(message)
    assert client.get(f"/api/message/{mail_id}/headers").json()["Subject"] == [
        "482913 is your code"
    ]
    assert client.get("/api/messages").json()["unread"] == 0


@pytest.mark.usefixtures("three")
def test_the_latest_is_the_newest_of_what_is_asked_for(client: Client) -> None:
    assert client.get("/api/v1/message/latest").json()["Subject"] == "Welcome back"
    assert client.get("/api/message/latest?subject=code").json()["Links"] == [
        "https://a.example/x?y=1"
    ]
    assert client.get("/view/latest.txt?subject=code").text == "https://a.example/x?y=1\n"
    for path in (
        "/api/message/latest?to=nobody@a.example",
        "/api/message/unknown",
        "/view/latest.pdf",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_a_request_waits_for_the_mail_and_is_answered_when_it_comes(
    served: str, captured: WatchedMails
) -> None:
    api = served.removesuffix("/studio") + "/api"
    captured.add(bytes(mail("Welcome", "somebody-else@northwind.example")))
    captured.then = lambda: captured.add(bytes(mail("Welcome", "ada@northwind.example")))
    answer = httpx.get(f"{api}/messages?to=ada@northwind.example&wait=50s", timeout=30)
    assert subjects(answer) == ["Welcome"]


def test_a_wait_for_nothing_ends_with_an_empty_list_or_404(client: Client) -> None:
    assert subjects(client.get("/api/messages?wait=50ms")) == []
    assert client.get("/api/message/latest?wait=50ms").status_code == 404


def test_who_waits_is_let_go_when_the_studio_stops(
    served: str, studio: Studio, captured: WatchedMails
) -> None:
    captured.then = studio.stopping.set
    answer = httpx.get(f"{served.removesuffix('/studio')}/api/messages?wait=30s", timeout=20)
    assert subjects(answer) == []


@PREFIXES
def test_mails_are_deleted_by_id_by_query_or_all(
    client: Client, three: list[str], api: str
) -> None:
    assert client.request("DELETE", f"{api}/messages", json={"IDs": [three[0]]}).text == "ok"
    assert subjects(client.get(f"{api}/messages")) == ["Welcome back", "Welcome"]
    assert client.delete(f"{api}/messages?to=grace@northwind.example").status_code == 200
    assert subjects(client.get(f"{api}/messages")) == ["Welcome back"]
    assert client.delete(f"{api}/messages?query=nothing").status_code == 200
    assert subjects(client.get(f"{api}/messages")) == ["Welcome back"]
    assert client.delete(f"{api}/messages").status_code == 200
    assert subjects(client.get(f"{api}/messages")) == []


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", b"{"),
        ("messages", b'{"IDs": "all"}'),
        ("messages?to=a@b.c", b'{"IDs": ["x"]}'),
        ("messages?wrong=1", b""),
        ("messages", b"\xff"),
    ],
)
@pytest.mark.long
def test_a_deletion_that_nobody_understands_deletes_nothing(
    client: Client, path: str, body: bytes
) -> None:
    answer = client.request("DELETE", f"/api/{path}", content=body)
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")
    assert client.get("/api/messages").json()["total"] == 3
