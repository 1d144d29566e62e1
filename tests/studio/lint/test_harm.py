"""Mistakes that break a mail for some readers are errors at their line; guesses and look-alikes are
not.
"""

from pathlib import Path

import pytest
from tests.studio.folders import found_in

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
PAGE = '<html lang="en"><head><title>Hello</title></head><body><h1>Hello</h1>{}</body></html>'


def test_mistakes_in_the_file_of_a_subject_are_at_its_lines(tmp_path: Path) -> None:
    link = f"https://a.example/reset?token={TOKEN}"
    files = {
        "a.html": PAGE.format('<a href="{{ link }}">Choose</a>'),
        "a.subject.txt": "\n{{ '{{' }} name }}, <b>reset</b> it\nat {{ link }}\n",
        "a.toml": f'[ada]\nlink = "{link}"',
    }
    found = {
        one.rule: one.place
        for one in found_in(tmp_path, files)
        if one.place.file == "a.subject.txt"
    }
    assert {rule: place.line for rule, place in found.items()} == {
        "parity/unfilled": 2,
        "subject/markup": 2,
        "subject/several-lines": 3,
        "safety/token-in-subject": 3,
    }


@pytest.mark.parametrize(
    ("subject", "rules"), [("{# to all #}\nTom & Ada, 3 < 5\n", []), ("\n", ["subject/empty"])]
)
def test_a_subject_of_one_line_is_left_alone_and_none_is_told(
    tmp_path: Path, subject: str, rules: list[str]
) -> None:
    files = {"a.html": PAGE.format("").replace(">Hello<", "><", 1), "a.subject.txt": subject}
    assert [
        one.rule for one in found_in(tmp_path, files) if one.place.file == "a.subject.txt"
    ] == rules


def test_what_gmail_reads_from_a_script_is_no_program(tmp_path: Path) -> None:
    page = PAGE.format(
        '<script type="application/ld+json">{"@context": "http://schema.org"}</script><b '
        'once="1">x</b>'
    )
    assert found_in(tmp_path, {"a.html": page}, "active/") == []


RESET = PAGE.format('<a class="button" href="{{ reset_url }}">Choose a new password</a>')


def test_a_guess_makes_no_reset_mail_and_neither_does_a_name(tmp_path: Path) -> None:
    booking = PAGE.format('<a class="button" href="{{ confirm_url }}">Confirm your booking</a>')
    files = {
        "password_reset.html": RESET,
        "recovery_codes.html": PAGE.format("{{ codes }}"),
        "booking.html": booking,
    }
    assert found_in(tmp_path, files, "safety/") == []


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
    assert bool(found_in(tmp_path, files, "safety/")) == audited
