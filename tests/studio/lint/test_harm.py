"""Mistakes that break a mail for some readers are errors at their line; guesses and look-alikes are not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import read_studio_settings
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.finding import Finding

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
PAGE = '<html lang="en"><head><title>Hello</title></head><body><h1>Hello</h1>{}</body></html>'
MAIL = (
    "<mjml><mj-head><mj-title>Hello</mj-title>{}</mj-head>"
    "<mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
)


def findings(folder: Path, files: Mapping[str, str], group: str = "") -> list[Finding]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    gallery = opened(folder)
    examination = check(gallery, checks_for((), gallery.audits), [gallery.languages.choose("en")])
    return [one for one in examination.found if not group or one.group == group]


def opened(folder: Path) -> Gallery:
    return open_gallery(folder, settings=read_studio_settings(folder))


def told(found: list[Finding]) -> set[tuple[str, str, str, int]]:
    return {(one.rule.partition("/")[2], one.severity, one.place.file, one.place.line) for one in found}


# Subjects


def test_mistakes_in_the_file_of_a_subject_are_at_its_lines(tmp_path: Path) -> None:
    link = f"https://a.example/reset?token={TOKEN}"
    files = {
        "a.html": PAGE.format('<a href="{{ link }}">Choose</a>'),
        "a.subject.txt": "\n{{ '{{' }} name }}, <b>reset</b> it\nat {{ link }}\n",
        "a.toml": f'[ada]\nlink = "{link}"',
    }
    found = {one.rule: one.place for one in findings(tmp_path, files) if one.place.file == "a.subject.txt"}
    assert {rule: place.line for rule, place in found.items()} == {
        "parity/unfilled": 2,
        "subject/markup": 2,
        "subject/several-lines": 3,
        "safety/token-in-subject": 3,
    }


def test_a_subject_of_one_line_is_left_alone(tmp_path: Path) -> None:
    files = {"a.html": PAGE.format(""), "a.subject.txt": "{# to all #}\nTom & Ada, 3 < 5\n"}
    assert [one for one in findings(tmp_path, files) if one.place.file == "a.subject.txt"] == []


# Bulk


@pytest.mark.long
def test_bulk_is_told_in_the_file_and_at_the_line_that_holds_it(tmp_path: Path) -> None:
    rows = "<p>\n{% for row in rows %}<span>{{ row }} and much more text for every row</span>{% endfor %}</p>"
    files = {
        "_base.html": PAGE.format("{% block main %}{% endblock %}"),
        "rows/_rows.html": rows,
        "a.html": '{% extends "_base.html" %}{% block main %}{% include "rows/_rows.html" %}{% endblock %}',
        "a.json": json.dumps({"ada": {"rows": ["x"] * 2500}}),
    }
    assert told(findings(tmp_path, files, "sizes")) == {("clipped", "error", "rows/_rows.html", 2)}


# What runs in pages alone


def test_what_gmail_reads_from_a_script_is_no_program(tmp_path: Path) -> None:
    page = PAGE.format('<script type="application/ld+json">{"@context": "http://schema.org"}</script><b once="1">x</b>')
    assert findings(tmp_path, {"a.html": page}, "active") == []


# The body of MJML


def test_a_body_within_mj_attributes_says_what_the_body_is_like_and_is_none(tmp_path: Path) -> None:
    head = '<mj-attributes><mj-body background-color="#eeeeee" /></mj-attributes>'
    mail = MAIL.format(head, '\n<mj-text color="#dddddd"><h1>Pale</h1></mj-text>')
    found = findings(tmp_path, {"a.mjml": mail})
    assert {one.rule for one in found if one.group == "mjml"} == {"mjml/unread-attribute"}
    assert ("light", "error", "a.mjml", 2) in told(found)


# The audit of reset mails

RESET = PAGE.format('<a class="button" href="{{ reset_url }}">Choose a new password</a>')


def test_a_guess_makes_no_reset_mail_and_neither_does_a_name(tmp_path: Path) -> None:
    booking = PAGE.format('<a class="button" href="{{ confirm_url }}">Confirm your booking</a>')
    files = {"password_reset.html": RESET, "recovery_codes.html": PAGE.format("{{ codes }}"), "booking.html": booking}
    assert findings(tmp_path, files, "safety") == []


@pytest.mark.parametrize(
    ("link", "audited"),
    [
        (f"https://a.example/reset?token={TOKEN}", True),
        (f"https://a.example/reset-password/{TOKEN}", True),
        (f"https://a.example/unsubscribe?token={TOKEN}", False),
        (f"https://a.example/bookings/{TOKEN}", False),
        ("https://a.example/reset?code=482915", False),
    ],
)
def test_a_token_that_is_certain_makes_one(tmp_path: Path, link: str, audited: bool) -> None:
    files = {"a.html": RESET, "a.toml": f'[ada]\nreset_url = "{link}"'}
    assert bool(findings(tmp_path, files, "safety")) == audited
