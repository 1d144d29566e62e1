"""The mails at another commit beside those of the working tree."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.emails.studio.fixtures import GREETING, Client

from keyturn.emails.renderers import Here, LimitExceeded, Limits, RendererPool
from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.rendering.rendition import Drawer

pytestmark = pytest.mark.long


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@northwind.example", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(folder: Path) -> Path:
    """Commit the folder; then change one mail, take one away and add one."""
    git(folder.parent, "init")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-m", "As it was <b>then</b>")
    git(folder.parent, "tag", "first")
    greeting = folder / "greeting" / "greeting.mjml"
    greeting.write_text(GREETING.replace("Hello", "Goodbye"))
    (folder / "notice").rename(folder / "word")
    (folder / "word" / "notice.mjml").rename(folder / "word" / "word.mjml")
    (folder / "word" / "notice.txt").rename(folder / "word" / "word.txt")
    return folder


def test_without_a_choice_the_page_shows_what_is_not_committed_and_what_there_is_to_choose(client: Client) -> None:
    page = client.get("/studio/revisions").text

    assert "4 mails differ from the last commit" in page
    assert 'href="/studio/revisions/word?sample=only&amp;base=HEAD"' in page
    assert '<option value="">Uncommitted changes</option>' in page
    assert re.search(
        r'<option value="first">first · \d{4}-\d\d-\d\d · As it was &lt;b&gt;then&lt;/b&gt;</option>', page
    )
    assert '<option value="main">' in page
    assert '<optgroup label="Commits of this folder">' in page


def test_the_mails_that_changed_are_listed(client: Client) -> None:
    page = client.get("/studio/revisions?base=first").text

    assert "4 mails differ from first" in page
    assert re.findall(r'id="changed-(\w+)-\d+" href="(/studio/revisions/[^"?]+)', page) == [
        ("changed", "/studio/revisions/greeting"),
        ("changed", "/studio/revisions/greeting"),
        ("gone", "/studio/revisions/notice"),
        ("new", "/studio/revisions/word"),
    ]


def test_the_changed_mails_are_pictures_of_both_sides_or_of_the_only_one(client: Client) -> None:
    page = client.get("/studio/revisions?base=first").text
    pictures = re.findall(r'iframe src="(/studio/revision-frames/(\w+)/(\w+)[^"]*)" sandbox="allow-same-origin"', page)

    assert [(side, name) for _, side, name in pictures] == [
        ("before", "greeting"), ("after", "greeting"), ("before", "greeting"), ("after", "greeting"),
        ("before", "notice"), ("after", "word"),
    ]  # fmt: skip
    drawn = [client.get(address.replace("&amp;", "&")) for address, _, _ in pictures]
    assert {answer.status_code for answer in drawn} == {200}
    assert "Goodbye" in drawn[1].text


def test_a_mail_stands_beside_what_it_was(client: Client) -> None:
    page = client.get("/studio/revisions/greeting?base=first&sample=ada").text

    assert "At first" in page
    assert "In the working tree" in page
    sides = re.findall(r'iframe src="(/studio/revision-frames/[^"]+)"', page)
    before, after = (client.get(side.replace("&amp;", "&")).text for side in sides)
    assert "Hello" in before
    assert "Goodbye" in after
    assert "Goodbye" not in before
    text = client.get("/studio/revisions/greeting?base=first&sample=ada&show=source").text
    assert "<mark>Hello</mark>" in text


def test_a_comparison_is_a_mail_among_the_panes_and_leads_to_the_sheet(client: Client) -> None:
    page = client.get("/studio/revisions/greeting?sample=ada&base=first").text
    assert re.search(r'<a id="pane-mail"[^>]*>Mail</a>', page)
    assert 'id="to-sheet"' in page


def test_what_is_gone_and_what_is_new_stand_alone(client: Client) -> None:
    gone = client.get("/studio/revisions/notice?base=first&sample=only").text
    new = client.get("/studio/revisions/word?base=first&sample=only").text

    assert ("revision-frames/before" in gone, "revision-frames/after" in gone) == (True, False)
    assert ("revision-frames/before" in new, "revision-frames/after" in new) == (False, True)


def test_a_mail_that_was_broken_before_cannot_be_compared(client: Client, folder: Path) -> None:
    greeting = folder / "greeting" / "greeting.mjml"
    greeting.write_text(GREETING.replace("Hello", "{% endif %}"))
    git(folder.parent, "commit", "--all", "-m", "Broken")

    greeting.write_text("\n" + greeting.read_text())
    listed = client.get("/studio/revisions").text
    assert "<h2>1 mail differs from the last commit</h2>" in listed  # another, which is new
    assert 'class="verdict broken">Cannot be rendered' in listed
    assert "At the last commit: greeting/greeting.mjml:5" in listed
    about = client.get("/studio/revisions/greeting?sample=ada").text
    assert '<strong class="verdict broken">Cannot be rendered</strong> <span>greeting/greeting.mjml' in about
    assert "It cannot be compared, as it is broken at HEAD, too: greeting/greeting.mjml:5" in about


@pytest.mark.parametrize("base", ["nothing", "--output=/tmp/x", "first..main", "first:greeting"])
def test_what_is_no_commit_is_said(client: Client, base: str) -> None:
    page = client.get("/studio/revisions", params={"base": base})

    assert page.status_code == 200
    assert "git reports: there is no commit or branch" in page.text
    assert client.get("/studio/revisions/greeting", params={"base": base, "sample": "ada"}).status_code == 404


@pytest.mark.parametrize("dest", ["image", "iframe", "script", "empty"])
def test_a_page_of_another_site_starts_no_git(client: Client, monkeypatch: pytest.MonkeyPatch, dest: str) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # a page without git says so
    fetched = {"sec-fetch-site": "cross-site", "sec-fetch-dest": dest}

    for page in ("revisions?base=first", "revisions/greeting?base=first", "revision-frames/after/greeting?base=first"):
        assert client.get(f"/studio/{page}", headers=fetched).status_code == 403
    followed = client.get("/studio/revisions", headers={**fetched, "sec-fetch-dest": "document"})
    assert (followed.status_code, "git is not installed" in followed.text) == (200, True)


def test_a_mail_that_neither_has_is_missing(client: Client) -> None:
    assert client.get("/studio/revisions/nobody?base=first&sample=ada").status_code == 404


def test_no_filter_of_the_repository_runs(client: Client, folder: Path) -> None:
    git(folder.parent, "config", "filter.evil.smudge", f"touch {folder.parent}/was-run")
    (folder.parent / ".git" / "info" / "attributes").write_text("* filter=evil\n")

    assert "differ" in client.get("/studio/revisions?base=first").text
    assert not (folder.parent / "was-run").exists()


def test_a_folder_that_is_in_no_repository_has_no_such_page(folder: Path, studio: Studio) -> None:
    shutil.rmtree(folder.parent / ".git")
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        assert 'id="list-revisions"' not in client.get("/studio/sheet").text
        assert client.get("/studio/revisions").status_code == 404


def test_a_link_that_was_committed_leads_nowhere(client: Client, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mjml"
    secret.write_text("<mjml><mj-body>secret</mj-body></mjml>")
    (folder / "linked.mjml").symlink_to(secret)
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-m", "With a link")
    (folder / "linked.mjml").unlink()

    assert "linked" not in client.get("/studio/revisions?base=main").text
    assert client.get("/studio/revision-frames/before/linked?base=main&sample=guessed").status_code == 404


ENDLESS = "<mjml><mj-body>\n{% for one in range(10 ** 9) %}\n{% endfor %}\n</mj-body></mjml>"
HUNGRY = "<mjml><mj-body>{% set x = 'a' * 10 ** 9 %}</mj-body></mjml>"


def test_what_runs_away_at_another_commit_is_said_and_stops_nothing(studio: Studio, folder: Path) -> None:
    greeting, word = folder / "greeting" / "greeting.mjml", folder / "word" / "word.mjml"
    now = greeting.read_text(), word.read_text()
    greeting.write_text(ENDLESS)
    word.write_text(HUNGRY)
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-m", "Without end")
    for file, text in zip((greeting, word), now, strict=True):
        file.write_text(text)
    with RendererPool(Drawer(studio.gallery), Limits(seconds=0.4, megabytes=128), most=1) as workers:
        app = create_studio_app(replace(studio, runner=workers))
        with TestClient(app, base_url="http://127.0.0.1:8001") as client:
            changes = client.get("/studio/revisions?base=main").text
            one = client.get("/studio/revisions/greeting?base=main&sample=ada").text
            frame = client.get("/studio/revision-frames/after/greeting?base=main&sample=ada").text
            other = client.get("/studio/frames/greeting?sample=ada").text

    assert "3 mails differ from main" in changes
    why = re.findall(r'<span class="why">At main: ([^<]+)</span>', changes)
    assert why[0] == "greeting/greeting.mjml:2: it takes longer than 0.4 seconds"
    assert why[2] == "word: Rendering and checking this mail takes too much memory"
    assert "It cannot be rendered at main: greeting/greeting.mjml:2: it takes longer than 0.4 seconds" in one
    assert "Goodbye" in frame
    assert "Goodbye Ada" in other, "the worker draws on"


@pytest.mark.usefixtures("folder")
def test_mails_of_a_commit_that_take_too_long_to_list_are_said(studio: Studio) -> None:
    class Stopped(Here[Drawer]):
        def run(self, *_: Any, **__: Any) -> Any:
            raise LimitExceeded("time")

    app = create_studio_app(replace(studio, runner=Stopped(Drawer(studio.gallery))))
    with TestClient(app, base_url="http://127.0.0.1:8001") as client:
        page = client.get("/studio/revisions?base=first").text

    assert "cannot be listed: this takes too much time or memory." in page
