"""Which files of a folder are mails, and which are what mails are made of."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.permissions import as_stranger

from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.studio.gallery.discovery import FolderContents, Patterns, contents_of

MJML = "<mjml><mj-body></mj-body></mjml>"
HTML = "<!doctype html><html><body>Hello</body></html>"

Look = Callable[..., FolderContents]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def write_and_look(
        files: Mapping[str, str], patterns: Patterns | None = None
    ) -> FolderContents:
        for file, text in files.items():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text)
        return contents_of(Folders(tmp_path), patterns or Patterns())

    return write_and_look


@pytest.mark.parametrize(
    ("markup", "text", "name"),
    [
        ("welcome.mjml", "welcome.txt", "welcome"),
        ("welcome.html", "welcome.text.txt", "welcome"),
        ("welcome.html", "welcome_text.txt", "welcome"),
        ("welcome.mjml.j2", "welcome.txt.j2", "welcome"),
        ("auth/reset.html.jinja", "", "auth/reset"),
        ("auth/reset/index.html", "auth/reset/text.txt", "auth/reset"),
        ("auth/reset/template.mjml", "", "auth/reset"),
        ("welcome/welcome.mjml", "welcome/plain.txt", "welcome"),
        ("html/welcome.html", "text/welcome.txt", ""),
    ],
)
def test_a_mail_is_called_by_its_path_or_its_folder_and_its_text_part_lies_beside_it(
    look: Look, markup: str, text: str, name: str
) -> None:
    found = look(
        {markup: MJML if ".mjml" in markup else HTML} | ({text: "Hello"} if text else {})
    ).mails
    assert [*found.values()] == [MailFiles(markup, text) if text else MailFiles(markup)]
    assert not name or [*found] == [name]


@pytest.mark.parametrize(
    "subject", ["welcome.subject.txt", "welcome_subject.txt", "welcome.subject"]
)
def test_a_subject_can_have_its_own_file_and_html_compiled_from_mjml_is_no_mail(
    look: Look, subject: str
) -> None:
    found = look({"welcome.mjml": MJML, "welcome.html": HTML, subject: "Hello"})
    assert found.mails == {"welcome": MailFiles("welcome.mjml", subject=subject)}


@pytest.mark.parametrize(
    ("markup", "text", "subject"),
    [
        ("alert-body-html.html", "alert-body-text.html", "alert-subject.html"),
        ("alert_html.html", "alert_text.html", "alert_subject.txt"),
    ],
)
def test_parts_that_end_in_html(look: Look, markup: str, text: str, subject: str) -> None:
    """A text part and a subject that end in .html belong to the mail whose name says that it is the
    HTML part.
    """
    found = look({markup: HTML, text: "Hello {{ name }}", subject: "Hello"}).mails
    assert [*found.values()] == [MailFiles(markup, text, subject)]


@pytest.mark.parametrize(
    "page",
    [
        "<form method='post'>{% csrf_token %}</form>",
        "<form method='post'>{{ form.hidden_tag() }}</form>",
        "<script src=\"{% static 'app.js' %}\"></script>",
        "<link rel='stylesheet' href='/static/app.css'><script>start()</script>",
        "<script>start()</script><iframe srcdoc='Hello'></iframe>",
    ],
)
def test_page_of_an_app(look: Look, page: str) -> None:
    """A page of an app is no mail: it is left out, also if only its layout shows it, and its name
    is told.
    """
    extends = "{% extends 'layout.html' %}"
    found = look({"news.html": HTML, "layout.html": HTML + page, "change_email.html": extends})
    assert [*found.mails] == ["news"]
    assert [*found.left_out] == ["change_email.html"]


@pytest.mark.parametrize(
    "mail",
    [
        "<script type='application/ld+json'>{}</script><link rel='stylesheet' href='/a.css'>",
        "<script>alert(1)</script><link rel='stylesheet' href='https://fonts.example/a.css'>",
        "<form action='https://shop.example/rate'><input name='stars'></form>",
    ],
)
def test_mail_with_active_parts(look: Look, mail: str) -> None:
    """A mail with a script or a form is a mail, so that its mistakes are found."""
    assert [*look({"news.html": HTML + mail}).mails] == ["news"]


@pytest.mark.parametrize(
    "partial",
    ["_foot.html", "_layout/base.mjml", "partials/foot.html", "mails/components/button.mjml"],
)
def test_names_say_what_is_shared_where_nobody_refers_to_it(look: Look, partial: str) -> None:
    found = look({partial: HTML, "welcome.mjml": MJML})
    assert list(found.mails) == ["welcome"]
    assert found.shared == [partial]


def test_a_piece_of_mjml_is_no_mail_and_a_misspelt_root_is(look: Look) -> None:
    pieces = {
        "button.mjml": "{# a button #}\n<mj-button>Go</mj-button>",
        "welcome.mjml": "<mjlm></mjlm>",
    }
    assert list(look(pieces).mails) == ["welcome"]


def test_references_are_relative_to_the_folder_to_the_file_or_to_a_folder_above(look: Look) -> None:
    found = look(
        {
            "one.html": '{% extends "emails/base.html" %}',
            "orders/two.mjml": '<mjml><mj-include path="./foot.mjml" /></mjml>',
            "base.html": HTML,
            "orders/foot.mjml": "<mj-text>Bye</mj-text>",
        }
    )
    assert found.references["one.html"] == ("base.html",)
    assert found.references["orders/two.mjml"] == ("orders/foot.mjml",)
    assert list(found.mails) == ["one", "orders/two"]


def test_what_is_none_of_ours_and_what_a_pattern_ignores_or_calls_a_layout_is_left_out(
    look: Look,
) -> None:
    others = {
        ".git/a.html": HTML,
        "node_modules/x/a.html": HTML,
        "env/pyvenv.cfg": "",
        "env/a.html": HTML,
        "a.py": "",
    }
    patterns = Patterns(ignore=("drafts/*",), layouts=("frame.*",))
    assert look({**others, "drafts/b.html": HTML, "frame.html": HTML}, patterns).mails == {}


def test_a_file_that_another_as_old_and_as_large_replaces_is_read_again(
    look: Look, tmp_path: Path
) -> None:
    assert list(look({"a.html": HTML, "b.html": "{% include 'a.html' %}"}).mails) == ["b"]
    file = tmp_path / "b.html"
    before = file.stat()
    file.write_text("{% include 'c.html' %}")
    while (
        file.stat().st_ctime_ns == before.st_ctime_ns
        or file.stat().st_mtime_ns != before.st_mtime_ns
    ):
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list(look({}).mails) == ["a", "b"]


def test_a_text_that_prints_values_and_belongs_to_no_other_mail_is_a_mail(look: Look) -> None:
    found = look(
        {
            "welcome.txt": "Hello {{ name }}",
            "welcome_subject.txt": "Welcome, {{ name }}",
            "order.mjml": MJML,
            "order.txt": "{{ total }}",
            "bye.txt.j2": "{% include '_foot.txt' %}",
            "_foot.txt": "{{ shop }}",
            "README.txt": "These are our mails.",
        }
    )

    assert found.mails == {
        "bye": MailFiles("bye.txt.j2", "bye.txt.j2"),
        "order": MailFiles("order.mjml", "order.txt"),
        "welcome": MailFiles("welcome.txt", "welcome.txt", "welcome_subject.txt"),
    }
    assert found.mails["welcome"].is_text


def test_a_folder_that_nobody_may_enter_is_named_and_hides_no_other() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("a", "locked", "z"):
            (place / name).mkdir(0o755)
            (place / name / "index.html").write_text(HTML)
        place.chmod(0o755)
        contents_of(Folders(place), Patterns())  # loads the codecs, which the stranger cannot
        (place / "locked").chmod(0)
        with as_stranger():
            contents = contents_of(Folders(place), Patterns())
    assert (list(contents.mails), contents.left_out) == (
        ["a", "z"],
        {"locked": "cannot be read: Permission denied"},
    )
