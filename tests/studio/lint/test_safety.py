"""The audit of mails that carry a reset link."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.every_language import TAGS, each_language
from tests.studio.lint.planting import Mails, at

from keyturn.mail.languages.language import Languages
from keyturn.studio.lint.checks.safety import audit, check_safety

RESET, PARTS = "password_reset/password_reset.mjml", "_layout/parts.mjml"
HREF, TOKENLESS = (
    'href="{{ link }}">{{ label }}',
    'href="https://northwind.example/reset-password">{{ label }}',
)


@pytest.fixture
def mails(tmp_path: Path) -> Mails:
    return Mails.copied_to(tmp_path)


def missing(mails: Mails, **more: str) -> list[str]:
    return [item.says for item in audit(mails.read(**more)) if item.finding]


@each_language("tag", TAGS)
@pytest.mark.long
def test_our_reset_mail_is_judged_in_every_language(tag: str, mails: Mails) -> None:
    for sample in ("viewer", "account_secured", "asked_by_operator"):
        items = audit(mails.read("password_reset", sample, language=tag))
        assert [item.says for item in items if item.finding] == [], sample
        assert len(items) == 9
    questions = re.findall(
        r"\{\{ part\.question\(.*\}\}", (mails.folder / RESET).read_text("utf-8")
    )
    assert questions
    for question in questions:
        mails.plant(RESET, question, "")
    mails.plant(
        RESET,
        "The link works until %(time)s. If you didn’t request it, ignore this email.",
        "%(time)s",
    )
    assert missing(mails, language=tag) == ["what to do if you did not request it"]


BUTTON = (
    "<mjml><mj-body><mj-button href='{{ start "
    "}}'>Start</mj-button><mj-text>%s</mj-text></mj-body></mjml>"
)
START: dict[str, object] = {
    "start": "https://northwind.example/start?token=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"
}


@each_language("tag", TAGS)
def test_how_long_a_link_works_is_understood_in_every_language(tag: str, mails: Mails) -> None:
    mails.write("welcome/welcome.mjml", BUTTON % "{{ lasts }}")
    spans = [
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
        timedelta(days=3),
    ]
    for lasts in ("", *map(Languages("UTC").choose(tag).duration, spans)):
        document = mails.read_values("welcome", START | {"lasts": lasts}, tag)
        assert ("safety/no-expiry" in {finding.rule for finding in check_safety(document)}) == (
            not lasts
        ), lasts


@pytest.mark.parametrize("tag", ["hu", "ro", "th", "vi", "fa"])
def test_a_span_in_the_values_is_known_in_languages_that_keyturn_does_not_have(
    tag: str, mails: Mails
) -> None:
    mails.write("welcome/welcome.mjml", BUTTON % "{{ lasts | duration }}")
    document = mails.read_values("welcome", START | {"lasts": timedelta(minutes=30)}, tag)
    assert "safety/no-expiry" not in {finding.rule for finding in check_safety(document)}


@pytest.mark.parametrize("template", ["password_changed", "sign_in_with_provider"])
def test_a_mail_without_a_reset_link_is_not_audited(mails: Mails, template: str) -> None:
    assert {audit(mails.read(template, sample)) for sample in mails.samples(template)} == {()}


def test_a_template_of_any_name_is_audited_when_it_is_given_a_token(mails: Mails) -> None:
    mails.write("welcome/welcome.mjml", BUTTON % "")
    found = {finding.rule for finding in check_safety(mails.read_values("welcome", START))}
    assert found == {"safety/link-differs", "safety/no-expiry", "safety/not-you"}
    for query in ("page=kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO", "token=kT3v"):  # neither is a token
        assert (
            audit(
                mails.read_values("welcome", {"start": f"https://northwind.example/start?{query}"})
            )
            == ()
        )


@pytest.mark.parametrize(
    ("rule", "file", "old", "new", "seen"),
    [
        ("safety/link-without-token", PARTS, HREF, TOKENLESS, TOKENLESS),
        (
            "safety/link-differs",
            "password_reset/password_reset.txt",
            "{{ link }}",
            "{{ link|lower }}",
            "<mj-button",
        ),
    ],
)
def test_a_dead_link_is_told_at_its_button(
    mails: Mails, rule: str, file: str, old: str, new: str, seen: str
) -> None:
    if rule == "safety/link-without-token":
        mails.plant(RESET, "{{ part.fallback(link) }}", "")  # or that is the link
    mails.plant(file, old, new)
    assert mails.line(PARTS, seen) in {
        at(one.place) for one in check_safety(mails.read()) if one.rule == rule
    }


OTHER = (
    ("Didn’t request this?", "Good to know:"),
    (" If you didn’t request it, ignore this email.", ""),
)
IGNORE = (
    ("Ignore this email and don’t forward it", "Do not forward this mail"),
) * 2  # beside a code, and alone
NO_TIME = (
    ("until %(time)s (%(lifetime)s).", "for a while."),
) * 2  # in the preheader, and under the button


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ((*NO_TIME, ("works until %(time)s.", "works for a while.")), "lifetime of the link"),
        ((*OTHER, *IGNORE), "what to do if you did not request it"),
    ],
)
def test_a_mail_that_forgets_the_time_or_the_other_person_is_told_so(
    mails: Mails, changes: tuple[tuple[str, str], ...], says: str
) -> None:
    for old, new in changes:
        mails.plant(RESET, old, new)
    assert missing(mails) == [says]


def test_a_link_on_this_machine_needs_no_https(mails: Mails) -> None:
    link = "http://app.localhost:8000/reset-password/kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgO"
    read = mails.read_values("password_reset", {**mails.read().sample.values, "link": link})
    assert [item.says for item in audit(read) if item.finding] == ["images from own host"]
