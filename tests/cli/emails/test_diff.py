"""diff: which mails changed since a commit, in pictures."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command import Keyturn
from tests.programs import IS_ROOT, require_program

pytestmark = pytest.mark.long

PAGE = '<html lang="en"><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>'
UNSANDBOXED = ["--no-browser-sandbox"] if IS_ROOT else []
PNG = b"\x89PNG\r\n\x1a\n"


def git(*arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@boats.test")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def emails(workplace: Path) -> Path:
    """Hold four mails, of which one was changed, one deleted and one added since the commit."""
    folder = workplace / "emails"
    folder.mkdir()
    for name in ("changed", "gone", "same"):
        (folder / f"{name}.html").write_text(PAGE.format(name, "Boats"))
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "Boats")
    (folder / "changed.html").write_text(PAGE.format("changed", "Boats &amp; <b>oars</b>"))
    (folder / "gone.html").unlink()
    (folder / "added.html").write_text(PAGE.format("added", "Sails"))
    return folder


def test_changed_mails_are_listed(keyturn: Keyturn, emails: Path) -> None:
    shown = keyturn("diff", str(emails))

    assert (shown.code, shown.err) == (0, "")
    assert [line.split()[:2] for line in shown.out.splitlines()[:-1]] == [
        ["new", "added/guessed"],
        ["changed", "changed/guessed"],
        ["gone", "gone/guessed"],
    ]
    assert shown.out.endswith("3 mails changed since HEAD.\n")


@pytest.mark.browser
def test_each_side_and_an_overlay_are_pictures(keyturn: Keyturn, emails: Path) -> None:
    require_program("chromium", "chromium")
    Path("out").mkdir()
    Path("out/009-old.png").write_bytes(b"of an earlier run")
    Path("out/mine.png").write_bytes(b"of somebody else")
    shown = keyturn("diff", str(emails), "--output", "out", *UNSANDBOXED)

    assert (shown.code, shown.err) == (0, "")
    pictures = {"001-new.png", "002-new.png", "002-old.png", "002-overlay.png", "003-old.png"}
    assert {file.name for file in Path("out").iterdir()} == {*pictures, "index.html", "mine.png"}
    assert all((Path("out") / name).read_bytes().startswith(PNG) for name in pictures)
    page = Path("out/index.html").read_text("utf-8")
    assert all(f'src="{name}"' in page for name in pictures)
    assert "http" not in page
    assert "&lt;b&gt;" in page
    new = page[page.index("<h2>added/guessed") :].partition("</section>")[0]
    assert re.findall(r">(new|after|before)<", new) == ["new", "after"]


@pytest.mark.parametrize("fault", ["{% endif %}", '{% include "nowhere.html" %}', "{{ 1 / 0 }}"])
def test_a_mail_that_was_broken_before_is_counted_as_one_that_cannot_be_compared(
    keyturn: Keyturn, emails: Path, fault: str
) -> None:
    broken = emails / "changed.html"
    broken.write_text(PAGE.format("changed", fault))
    git("add", ".")
    git("commit", "--quiet", "--message", "Broken boats")

    broken.write_text(PAGE.format("changed", f"Boats\n{fault}"))
    for now in (f"Boats\n{fault}", "{% endfor %}"):
        broken.write_text(PAGE.format("changed", now))
        listed, *counts = keyturn("diff", str(emails)).out.splitlines()
        assert listed.startswith("broken   changed/guessed")
        assert listed.endswith("(broken at HEAD, too)")
        assert counts == ["0 mails changed since HEAD.", "1 mail cannot be compared: broken at HEAD and now."]

    broken.write_text(PAGE.format("changed", "Boats"))
    assert keyturn("diff", str(emails)).out.endswith("1 mail changed since HEAD.\n")


def test_a_mail_that_breaks_now_has_changed(keyturn: Keyturn, emails: Path) -> None:
    (emails / "same.html").write_text(PAGE.format("same", "{% endfor %}"))
    shown = keyturn("diff", str(emails)).out

    assert "broken   same/guessed" in shown
    assert shown.endswith("4 mails changed since HEAD.\n")


def test_an_unknown_filter_breaks_no_mail(keyturn: Keyturn, emails: Path) -> None:
    (emails / "same.html").write_text(PAGE.format("same", "{{ 'a' | uper }}"))

    assert "changed  same/guessed" in keyturn("diff", str(emails)).out


@pytest.mark.browser
def test_where_an_overlay_has_nothing_to_mark_a_sentence_says_so(keyturn: Keyturn, emails: Path) -> None:
    require_program("chromium", "chromium")
    (emails / "changed.html").write_text(PAGE.format("changed", "Boats").replace("<p>", '<p style="margin:50px 0">'))
    (emails / "same.html").write_text(PAGE.format("same", "Boats").replace("<p>", '<p class="boats">'))
    keyturn("diff", str(emails), "--output", "out", *UNSANDBOXED)
    page = Path("out/index.html").read_text("utf-8")

    assert "only the space between them" in page
    assert "The pictures are equal." in page
    assert not list(Path("out").glob("*-overlay.png"))


@pytest.mark.browser
def test_an_image_of_another_host_is_a_box_with_the_name_of_its_file(keyturn: Keyturn, emails: Path) -> None:
    require_program("chromium", "chromium")
    for name in ("garden", "meadow"):
        (emails / "same.html").write_text(PAGE.format("same", f'<img src="https://cdn.example/{name}.png" width="90">'))
        git("add", ".")
        git("commit", "--quiet", "--message", name)
    keyturn("diff", str(emails), "--base", "HEAD~1", "--output", "out", *UNSANDBOXED)

    assert Path("out/001-old.png").read_bytes() != Path("out/001-new.png").read_bytes()
    assert Path("out/001-overlay.png").exists()


def test_the_page_begins_with_a_count_and_a_list_of_the_mails(keyturn: Keyturn, emails: Path) -> None:
    keyturn("diff", str(emails), "--output", "out", *UNSANDBOXED)
    page = Path("out/index.html").read_text("utf-8")

    assert "<p>1 new, 1 changed, 1 gone.</p>" in page
    for number, name in enumerate(("added", "changed", "gone"), 1):
        assert f'<a href="#mail-{number}">{name}/guessed</a>' in page
        assert f'<section id="mail-{number}"><h2>{name}/guessed</h2>' in page


def test_without_a_browser_the_page_has_the_texts(
    keyturn: Keyturn, emails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    monkeypatch.setitem(sys.modules, "playwright", None)
    shown = keyturn("diff", str(emails), "--output", "out", *UNSANDBOXED)

    assert shown.code == 0
    assert shown.err.startswith("There are no pictures, only the texts: a picture needs: pip install")
    assert [file.name for file in Path("out").iterdir()] == ["index.html"]
    assert "<ins>+ " in Path("out/index.html").read_text("utf-8")


def test_nothing_is_written_among_the_templates(keyturn: Keyturn, emails: Path) -> None:
    refused = keyturn("diff", str(emails), "--output", str(emails / "out"))

    assert (refused.code, refused.err) == (
        1,
        f"keyturn: {emails / 'out'} lies in the folder of the templates: name another\n",
    )
    assert not (emails / "out").exists()


def test_an_unknown_commit_is_one_sentence(keyturn: Keyturn, emails: Path) -> None:
    refused = keyturn("diff", str(emails), "--base", "nothing")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "keyturn: there is no commit or branch nothing\n"


def test_a_folder_outside_of_git_is_one_sentence(keyturn: Keyturn, emails: Path) -> None:
    shutil.rmtree(emails.parent / ".git")
    refused = keyturn("diff", str(emails))

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("keyturn: ")


def test_nothing_changed_is_said(keyturn: Keyturn, emails: Path) -> None:
    git("add", ".")
    git("commit", "--quiet", "--message", "More boats")
    shown = keyturn("diff", str(emails), "--output", "out", *UNSANDBOXED)

    assert shown.out.startswith("0 mails changed since HEAD.\n")
    assert "No mail changed." in Path("out/index.html").read_text("utf-8")
