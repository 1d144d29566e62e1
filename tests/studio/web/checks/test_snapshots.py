"""The review over HTTP: what is told of every mail that is not as it was accepted, and what accepting writes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader
from litestar.testing import TestClient
from tests.studio.web.fixtures import Client, checked_page, save

from keyturn.errors import SettingsInvalid
from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.environments import app_environment
from keyturn.studio.web.app import Studio, create_studio_app

ADA = "/studio/snapshots/greeting?sample=ada"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def client(studio: Studio, stored: Path) -> Iterator[Client]:
    """Ask a studio with a folder for snapshots, in which there is nothing yet."""
    app = create_studio_app(replace(studio, settings=StudioSettings(snapshots=stored, snapshot_languages=("en",))))
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
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


def heading(client: Client) -> str:
    found = re.search(r"<h2>(.*?)</h2>\s*<p>", client.get("/studio/snapshots").text)
    assert found
    return found[1]


def headings(client: Client) -> list[str]:
    return re.findall(r'<h3 id="group-\d"[^>]*>(.*?)</h3>', client.get("/studio/snapshots").text)


def written(stored: Path) -> dict[str, str]:
    return {path.relative_to(stored).as_posix(): path.read_text() for path in stored.rglob("*") if path.is_file()}


def count(client: Client) -> str | None:
    """Return what the list says beside "Snapshots", once a page has had its mails compared."""
    page = checked_page(client, "checks/greeting?sample=ada")
    found = re.search(r'<span>Snapshots</span> <span class="count warning">(.*?)</span>', page)
    return found[1] if found else None


def test_the_first_snapshots_are_written_with_one_button(client: Client, stored: Path) -> None:
    assert heading(client) == "No snapshots yet"
    assert "Write the first snapshots" in client.get("/studio/snapshots").text
    assert not stored.exists()
    assert accept(client, "/studio/snapshots") == "/studio/snapshots"
    assert sorted(written(stored)) == [
        "greeting/ada.html",
        "greeting/ada.txt",
        "greeting/grace.html",
        "greeting/grace.txt",
        "notice/only.html",
        "notice/only.txt",
    ]
    assert heading(client) == "All mails match their snapshots"


def test_the_same_edit_in_several_mails_is_one_group_and_accepted_at_once(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    save(folder, "{{ what }}", "It is {{ what }}", "notice/notice.txt")
    assert heading(accepted) == "3 mails to review"
    assert headings(accepted) == ["The same change in 2 mails", "Changed"]
    page = accepted.get("/studio/snapshots").text
    assert "<mark>Hello</mark> Ada" in page
    assert "<mark>Welcome</mark> Ada" in page
    groups = re.findall(r'name="ids" value="([0-9a-f ]+)"', page)
    assert accepted.post("/studio/snapshots", data={"ids": groups[1]}).status_code == 303
    assert "Welcome Ada" in written(stored)["greeting/ada.html"]
    assert written(stored)["notice/only.txt"] == "The heating is back\n"
    assert headings(accepted) == ["Changed"]


def test_what_differs_is_shown_line_by_line_and_far_lines_are_folded(accepted: Client, folder: Path) -> None:
    save(folder, "Hello", "Welcome", "greeting/greeting.txt")
    page = accepted.get(ADA).text
    assert re.search(r'<li class="old">.*<code><mark>Hello</mark> Ada</code>', page)
    assert re.search(r'<li class="new">.*<code><mark>Welcome</mark> Ada</code>', page)
    assert "ada.html <small>unchanged</small>" in page
    assert re.search(r"<summary>\d+ unchanged lines</summary>", page)


def test_what_a_mail_says_is_escaped_in_a_difference(accepted: Client, folder: Path) -> None:
    save(folder, "Hello", "<script>alert(1)</script>", "greeting/greeting.txt")
    for page in ("/studio/snapshots", ADA):
        assert "<script>alert" not in accepted.get(page).text


def test_a_mail_that_changed_since_it_was_looked_at_is_not_accepted(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    seen, before = ids(accepted, "/studio/snapshots"), written(stored)
    save(folder, "Welcome {{ name }}", "Farewell {{ name }}")
    answer = accepted.post("/studio/snapshots", data={"ids": seen})
    assert answer.status_code == 409
    assert "so nothing was accepted." in answer.text
    assert written(stored) == before


def test_an_address_that_cannot_be_read_accepts_nothing(accepted: Client, folder: Path, stored: Path) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    seen, before = ids(accepted, "/studio/snapshots"), written(stored)
    assert accepted.post("/studio/snapshots?width=9", data={"ids": seen}).status_code == 400
    assert written(stored) == before


GRACE = "/studio/snapshots/greeting?sample=grace"


def test_deleting_the_snapshots_of_a_mail_that_is_gone_is_asked_about_first(
    accepted: Client, folder: Path, stored: Path
) -> None:
    save(folder, "[grace]", "[rear_admiral]", "greeting/samples.toml")
    assert headings(accepted) == ["New, not accepted yet", "Snapshots of a deleted mail"]
    page = accepted.get(GRACE).text
    assert f"<p>The snapshots of 1 mail in <code>{stored}</code> will be deleted.</p>" in page
    assert accepted.post("/studio/snapshots", data={"ids": ids(accepted, GRACE), "deletes": "yes"}).status_code == 303
    assert "greeting/grace.html" not in written(stored)
    assert "greeting/ada.html" in written(stored)


def test_accepting_all_deletes_nothing(accepted: Client, folder: Path, stored: Path) -> None:
    save(folder, "[grace]", "[rear_admiral]", "greeting/samples.toml")
    gone = ids(accepted, GRACE)
    assert gone not in ids(accepted, "/studio/snapshots").split()
    accept(accepted, "/studio/snapshots")
    assert {"greeting/grace.html", "greeting/rear_admiral.html"} <= {*written(stored)}
    assert headings(accepted) == ["Snapshots of a deleted mail"]
    assert accepted.post("/studio/snapshots", data={"ids": gone}).status_code == 409
    assert "greeting/grace.html" in written(stored)


def test_a_broken_template_is_told_with_its_place_and_cannot_be_accepted(accepted: Client, folder: Path) -> None:
    save(folder, "{{ name }}", "{{ nmae }}")
    assert headings(accepted) == ["2 mails cannot be rendered"]
    page = accepted.get(ADA).text
    assert re.search(r"greeting.mjml:\d+: &#39;nmae&#39; is undefined", page)
    assert 'name="ids"' not in page
    assert accepted.post("/studio/snapshots", data={"ids": "0123456789abcdef"}).status_code == 409
    assert count(accepted) is None


def test_a_file_that_only_the_app_s_own_loader_finds_is_noticed(studio: Studio, stored: Path, tmp_path: Path) -> None:
    mails, elsewhere = tmp_path / "mails", tmp_path / "elsewhere"
    mails.mkdir()
    elsewhere.mkdir()
    (mails / "news.txt").write_text('News {% include "foot.txt" %}')
    environment = Environment(loader=FileSystemLoader(elsewhere), autoescape=True)
    templates = Templates(mails, {}, reload=True, make_environment=app_environment(mails, lambda _: environment))
    gallery = Gallery(templates=templates, languages=Languages("UTC"))
    app = create_studio_app(replace(studio, gallery=gallery, runner=None, settings=StudioSettings(snapshots=stored)))
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
        assert "cannot be rendered" in headings(client)[0]
        (elsewhere / "foot.txt").write_text("The end")

        assert not any("cannot be rendered" in one for one in headings(client))


@pytest.mark.parametrize(
    "path",
    [
        "snapshots/greeting?sample=nobody",
        "snapshots/none?sample=ada",
        "snapshots/greeting",
        "snapshots/..%2F..%2Fgreeting?sample=ada",
        "snapshots/..%2Fsecret?sample=key",
        "snapshots/greeting?sample=../ada",
    ],
)
@pytest.mark.long
def test_what_is_no_mail_is_not_found(accepted: Client, stored: Path, path: str) -> None:
    (stored.parent / "secret").mkdir()
    (stored.parent / "secret" / "key.html").write_text("<p>secret words</p>")
    answer = accepted.get(f"/studio/{path}")
    assert answer.status_code == 404
    assert "secret words" not in answer.text


def test_where_no_folder_is_set_the_page_says_how_to_begin(studio: Studio) -> None:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1") as client:
        page = client.get("/studio/snapshots").text
        for line in ('snapshots = "tests/mails"', "keyturn.testing", "mail_snapshot"):
            assert line.replace('"', "&#34;") in page or line in page
        assert client.post("/studio/snapshots", data={"ids": "ab"}, headers=OURS).status_code == 405


def test_snapshots_among_the_templates_are_refused_at_the_start(studio: Studio, folder: Path) -> None:
    with pytest.raises(SettingsInvalid, match="is inside the folder of the templates"):
        create_studio_app(replace(studio, settings=StudioSettings(snapshots=folder / "snapshots")))
