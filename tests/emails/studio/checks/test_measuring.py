"""What a browser says of a mail: bounded, from the studio's own pages, and judged as all findings are."""

import json
from pathlib import Path

from tests.emails.studio.fixtures import Client

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
