"""The audit of mails that carry a reset link."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.every_language import TAGS, each_language
from tests.studio.lint.planting import Mails, at

from keyturn.mail.languages import Languages
from keyturn.studio.lint.checks.safety import audit, check_safety

RESET, PARTS = "password_reset/password_reset.mjml", "_layout/parts.mjml"
HREF, TOKENLESS = 'href="{{ link }}">{{ label }}', 'href="https://northwind.example/reset-password">{{ label }}'


@pytest.fixture
def mails(tmp_path: Path) -> Mails:
    return Mails.copied_to(tmp_path)


def missing(mails: Mails) -> list[str]:
    return [item.says for item in audit(mails.read()) if item.finding]


@each_language("tag", TAGS)
@pytest.mark.long
def test_our_reset_mail_is_judged_in_every_language(tag: str, mails: Mails) -> None:
    for sample in ("viewer", "account_secured", "asked_by_operator"):
        items = audit(mails.read("password_reset", sample, language=tag))
        assert [item.says for item in items if item.finding] == [], sample
        assert len(items) == 9
    questions = re.findall(r"\{\{ part\.question\(.*\}\}", (mails.folder / RESET).read_text("utf-8"))
    assert questions
    for question in questions:
        mails.plant(RESET, question, "")
    mails.plant(RESET, "The link works until %(time)s. If you didn’t request it, ignore this email.", "%(time)s")
    assert [item.says for item in audit(mails.read(language=tag)) if item.finding] == [
        "what to do if you did not request it"
    ]


@each_language("tag", TAGS)
def test_how_long_a_link_works_is_understood_in_every_language(tag: str, mails: Mails) -> None:
    button = "<mj-button href='{{ start }}'>Start</mj-button><mj-text>{{ lasts }}</mj-text>"
    mails.write("welcome/welcome.mjml", f"<mjml><mj-body>{button}</mj-body></mjml>")
    link = "https://northwind.example/start?token=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"
    spans = [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3)]
    for lasts in ("", *map(Languages("UTC").choose(tag).duration, spans)):
        document = mails.read_values("welcome", {"start": link, "lasts": lasts}, tag)
        assert ("safety/no-expiry" in {finding.rule for finding in check_safety(document)}) == (not lasts), lasts


@pytest.mark.parametrize("tag", ["hu", "ro", "th", "vi", "fa"])
def test_a_span_in_the_values_is_known_in_languages_that_keyturn_does_not_have(tag: str, mails: Mails) -> None:
    button = "<mj-button href='{{ start }}'>Start</mj-button><mj-text>{{ lasts | duration }}</mj-text>"
    mails.write("welcome/welcome.mjml", f"<mjml><mj-body>{button}</mj-body></mjml>")
    link = "https://northwind.example/start?token=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"
    document = mails.read_values("welcome", {"start": link, "lasts": timedelta(minutes=30)}, tag)
    assert "safety/no-expiry" not in {finding.rule for finding in check_safety(document)}


@pytest.mark.parametrize("template", ["password_changed", "sign_in_with_provider"])
def test_a_mail_without_a_reset_link_is_not_audited(mails: Mails, template: str) -> None:
    assert {audit(mails.read(template, sample)) for sample in mails.samples(template)} == {()}


def test_a_template_of_any_name_is_audited_when_it_is_given_a_token(mails: Mails) -> None:
    mails.write(
        "welcome/welcome.mjml", "<mjml><mj-body><mj-button href='{{ start }}'>Start</mj-button></mj-body></mjml>"
    )
    values: dict[str, object] = {"start": "https://northwind.example/start?token=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"}
    found = {finding.rule for finding in check_safety(mails.read_values("welcome", values))}
    assert found == {"safety/link-differs", "safety/no-expiry", "safety/not-you"}


@pytest.mark.parametrize(
    ("rule", "file", "old", "new", "seen"),
    [
        ("safety/link-without-token", PARTS, HREF, TOKENLESS, TOKENLESS),
        ("safety/link-differs", "password_reset/password_reset.txt", "{{ link }}", "{{ link|lower }}", "<mj-button"),
    ],
)
def test_a_dead_link_is_told_at_its_button(mails: Mails, rule: str, file: str, old: str, new: str, seen: str) -> None:
    if rule == "safety/link-without-token":
        mails.plant(RESET, "{{ part.fallback(link) }}", "")  # or that is the link
    mails.plant(file, old, new)
    assert mails.line(PARTS, seen) in {at(one.place) for one in check_safety(mails.read()) if one.rule == rule}


def test_a_mail_that_says_no_time_is_told_to(mails: Mails) -> None:
    for _ in ("in the preheader", "under the button"):
        mails.plant(RESET, "until %(time)s (%(lifetime)s).", "for a while.")
    mails.plant(RESET, "works until %(time)s.", "works for a while.")
    assert missing(mails) == ["lifetime of the link"]


def test_a_mail_that_forgets_the_other_person_is_told_so(mails: Mails) -> None:
    mails.plant(RESET, "Didn’t request this?", "Good to know:")
    for _ in ("beside a code", "alone"):
        mails.plant(RESET, "Ignore this email and don’t forward it", "Do not forward this mail")
    mails.plant(RESET, " If you didn’t request it, ignore this email.", "")
    assert missing(mails) == ["what to do if you did not request it"]


def test_a_link_on_this_machine_needs_no_https(mails: Mails) -> None:
    values = {
        **mails.read().sample.values,
        "link": "http://127.0.0.1:8000/reset-password/kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO",
    }
    assert [item.says for item in audit(mails.read_values("password_reset", values)) if item.finding] == [
        "images from own host"
    ]
