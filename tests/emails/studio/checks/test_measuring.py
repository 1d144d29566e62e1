"""What a browser says of a mail: bounded, from the studio's own pages, and judged as all findings are."""

import json
from pathlib import Path

from tests.emails.inbox.mails import mail
from tests.emails.studio.fixtures import Client

from keyturn.studio.inbox.store import CapturedMails

OVERFLOW = {"kind": "overflow", "key": "", "box": [0, 0, 400, 20], "amount": 25, "says": "Hello"}


def ask(client: Client, body: object, name: str = "greeting", origin: str = "http://127.0.0.1:8001") -> tuple[int, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"origin": origin}
    answer = client.post(f"/studio/measurements/{name}?sample=ada", content=content, headers=headers)
    return answer.status_code, answer.text


def test_what_a_browser_says_is_bounded_and_only_taken_from_the_studios_own_pages(client: Client) -> None:
    good = [{"width": 375, "height": 900, "problems": [OVERFLOW]}]
    assert ask(client, good)[0] == 200
    for wrong in (
        b"",
        b"{",
        [{"width": 375}],
        [{**good[0], "width": 10**6}],
        [{**good[0], "problems": [OVERFLOW] * 101}],
        [{**good[0], "problems": [{**OVERFLOW, "kind": "links/relative"}]}],
    ):
        assert ask(client, wrong)[0] == 400
    assert ask(client, b" " * 300_000)[0] == 413
    assert ask(client, good, "nobody")[0] == 404
    assert ask(client, good, origin="https://elsewhere.example")[0] == 403


def test_what_a_team_turns_off_or_ignores_is_no_mark(client: Client, folder: Path) -> None:
    good = [{"width": 375, "height": 900, "problems": [OVERFLOW]}]
    [mark] = json.loads(ask(client, good)[1])
    assert (mark["severity"], mark["width"]) == ("warning", 375)
    assert mark["line"].startswith(("_layout/base.mjml:", "greeting/greeting.mjml:"))
    comment = "{# keyturn: ignore-file browser because it is seen on a wall #}"
    file = folder / mark["line"].rpartition(":")[0]
    file.write_text(comment + file.read_text())
    assert json.loads(ask(client, good)[1]) == []


SENT = (
    '<html>\n<body><p>Hello Ada</p>\n<img src="cid:logo" alt="Logo"><a href="https://a.example">Open</a></body></html>'
)


def test_what_a_browser_says_of_a_captured_mail_is_bounded_and_told_at_its_line(
    client: Client, captured: CapturedMails
) -> None:
    message = mail(html=SENT)
    logo = {"maintype": "image", "subtype": "png", "cid": "<logo>", "filename": "logo.png"}
    message.get_payload()[1].add_related(b"\x89PNG\r\n\x1a\n" + b"x" * 600_000, **logo)  # type: ignore[index,union-attr]
    mail_id = captured.add(bytes(message))
    there, html = f"/studio/inbox/{mail_id}", client.get(f"/studio/inbox/{mail_id}/measured")
    offset = SENT.index("<a ")

    assert f'<a data-keyturn="{offset}"' in html.text
    assert "data:image/png;base64," in html.text
    assert "sandbox allow-same-origin;" in html.headers["content-security-policy"]
    said = [{"width": 320, "height": 900, "problems": [{**OVERFLOW, "key": str(offset)}]}]
    headers = {"origin": "http://127.0.0.1:8001"}
    marks = client.post(f"{there}/measurements", json=said, headers=headers).json()
    assert [(mark["severity"], mark["width"], mark["line"]) for mark in marks] == [("warning", 320, "HTML:3")]
    page = client.get(f"{there}?tab=checks").text
    assert "The mail is wider than the screen" in page
    assert "At 320 px." in page
    assert "This image has 585 KB" in page
    assert "<span>Logo</span>" in page
    for wrong, status in ((b"{", 400), (b"[" + b" " * 300_000, 413)):
        assert client.post(f"{there}/measurements", content=wrong, headers=headers).status_code == status
    elsewhere = client.post(f"{there}/measurements", json=said, headers={"origin": "https://elsewhere.example"})
    assert elsewhere.status_code == 403
    assert client.post("/studio/inbox/nobody/measurements", json=said, headers=headers).status_code == 404


def test_a_captured_mail_that_is_too_long_or_has_no_html_is_not_measured(
    client: Client, captured: CapturedMails
) -> None:
    for message in (mail(), mail(html=f"<p>{'x' * 600_000}</p>")):
        mail_id = captured.add(bytes(message))
        assert "data-measures" not in client.get(f"/studio/inbox/{mail_id}").text
        assert client.get(f"/studio/inbox/{mail_id}/measured").status_code == 404
