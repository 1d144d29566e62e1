"""The review over HTTP: what is told of every mail that is not as it was accepted, and what
accepting writes.
"""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from tests.studio.web.fixtures import OURS, Client, opened, save

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.app import Studio

ADA = "/studio/snapshots/greeting?sample=ada"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def client(studio: Studio, stored: Path) -> Iterator[Client]:
    """Ask a studio with a folder for snapshots, in which there is nothing yet."""
    with opened(
        studio, settings=StudioSettings(snapshots=stored, snapshot_languages=("en",))
    ) as client:
        client.headers.update(OURS)
        client.follow_redirects = False
        yield client


@pytest.fixture
def accepted(client: Client) -> Client:
    """Accept all mails as they are."""
    accept(client, "/studio/snapshots")
    return client


def ids(client: Client, page: str) -> str:
    """Return what the first button of a page accepts."""
    found = re.search(r'name="ids" value="([0-9a-f ]+)"', client.get(page).text)
    assert found
    return found[1]


def accept(client: Client, page: str) -> str:
    """Accept what the first button of a page accepts; return where the answer leads."""
    action = re.findall(r'<form method="post" action="([^"]*)"', client.get(page).text)[0]
    answer = client.post(unescape(action), data={"ids": ids(client, page)}, follow_redirects=False)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def headings(client: Client) -> list[str]:
    return re.findall(r'<h3 id="group-\d"[^>]*>(.*?)</h3>', client.get("/studio/snapshots").text)


def written(stored: Path) -> dict[str, str]:
    return {
        path.relative_to(stored).as_posix(): path.read_text()
        for path in stored.rglob("*")
        if path.is_file()
    }


def test_the_first_snapshots_are_written_with_one_button(client: Client, stored: Path) -> None:
    page = client.get("/studio/snapshots").text
    assert "No snapshots yet" in page
    assert "Write the first snapshots" in page
    assert not stored.exists()
    assert accept(client, "/studio/snapshots") == "/studio/snapshots"
    names = ("greeting/ada", "greeting/grace", "notice/only")
    assert sorted(written(stored)) == [
        f"{name}.{part}" for name in names for part in ("html", "txt")
    ]
    assert "All mails match their snapshots" in client.get("/studio/snapshots").text


def test_an_edit_in_several_mails_is_one_group_and_accepted_at_once(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    save(folder, "{{ what }}", "It is {{ what }}", "notice/notice.txt")
    assert headings(accepted) == ["The same change in 2 mails", "Changed"]
    page = accepted.get("/studio/snapshots").text
    assert "3 mails to review" in page
    assert "<mark>Hello</mark> Ada" in page
    assert "<mark>Welcome</mark> Ada" in page
    groups = re.findall(r'name="ids" value="([0-9a-f ]+)"', page)
    assert accepted.post("/studio/snapshots", data={"ids": groups[1]}).status_code == 303
    assert "Welcome Ada" in written(stored)["greeting/ada.html"]
    assert written(stored)["notice/only.txt"] == "The heating is back\n"
    assert headings(accepted) == ["Changed"]


def test_what_differs_is_shown_line_by_line_and_far_lines_are_folded(
    accepted: Client, folder: Path
) -> None:
    save(folder, "Hello", "<script>alert(1)</script>", "greeting/greeting.txt")
    assert "<script>alert" not in accepted.get("/studio/snapshots").text
    page = accepted.get(ADA).text
    assert re.search(r'<li class="old">.*<code><mark>Hello</mark> Ada</code>', page)
    assert re.search(
        r'<li class="new">.*<code><mark>&lt;script&gt;alert\(1\)&lt;/script&gt;</mark> Ada</code>',
        page,
    )
    assert "ada.html <small>unchanged</small>" in page
    assert re.search(r"<summary>\d+ unchanged lines</summary>", page)


def test_a_mail_that_changed_since_it_was_seen_is_not_accepted(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    seen, before = ids(accepted, "/studio/snapshots"), written(stored)
    unread = accepted.post("/studio/snapshots?width=9", data={"ids": seen})
    assert (unread.status_code, written(stored)) == (400, before), (
        "an address that cannot be read accepts nothing"
    )
    save(folder, "Welcome {{ name }}", "Farewell {{ name }}")
    answer = accepted.post("/studio/snapshots", data={"ids": seen})
    assert answer.status_code == 409
    assert "so nothing was accepted." in answer.text
    assert written(stored) == before


GRACE = "/studio/snapshots/greeting?sample=grace"


def test_snapshots_of_a_mail_that_is_gone_are_deleted_alone(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "[grace]", "[rear_admiral]", "greeting/samples.toml")
    assert headings(accepted) == ["New, not accepted yet", "Snapshots of a deleted mail"]
    gone = ids(accepted, GRACE)
    assert gone not in ids(accepted, "/studio/snapshots").split()
    accept(accepted, "/studio/snapshots")
    assert headings(accepted) == ["Snapshots of a deleted mail"]
    assert accepted.post("/studio/snapshots", data={"ids": gone}).status_code == 409
    assert {"greeting/grace.html", "greeting/rear_admiral.html"} <= {*written(stored)}
    page = accepted.get(GRACE).text
    assert f"<p>The snapshots of 1 mail in <code>{stored}</code> will be deleted.</p>" in page
    assert (
        accepted.post("/studio/snapshots", data={"ids": gone, "deletes": "yes"}).status_code == 303
    )
    assert "greeting/grace.html" not in written(stored)
    assert "greeting/ada.html" in written(stored)


def test_a_broken_template_is_told_with_its_place_and_cannot_be_accepted(
    accepted: Client, folder: Path
) -> None:
    save(folder, "{{ name }}", "{{ nmae }}")
    assert headings(accepted) == ["2 mails cannot be rendered"]
    page = accepted.get(ADA).text
    assert re.search(r"greeting.mjml:\d+: &#39;nmae&#39; is undefined", page)
    assert 'name="ids"' not in page
    assert accepted.post("/studio/snapshots", data={"ids": "0123456789abcdef"}).status_code == 409


@pytest.mark.long
def test_what_is_no_mail_is_not_found(accepted: Client, stored: Path) -> None:
    (stored.parent / "secret").mkdir()
    (stored.parent / "secret" / "key.html").write_text("<p>secret words</p>")
    outside = ("..%2F..%2Fgreeting?sample=ada", "..%2Fsecret?sample=key", "greeting?sample=../ada")
    for name in ("greeting?sample=nobody", "none?sample=ada", "greeting", *outside):
        answer = accepted.get(f"/studio/snapshots/{name}")
        assert (answer.status_code, "secret words" in answer.text) == (404, False), name
