"""The text part: what is a mistake in it, and what the values brought along."""

from pathlib import Path

import pytest
from tests.emails.lint.planting import Mails, at

from keyturn.studio.lint.checks.parts import check_parity
from keyturn.studio.lint.finding import Finding

HTML = "<mjml><mj-body><mj-text>{{ name }}</mj-text><mj-button href='{{ link }}'>Open it</mj-button></mj-body></mjml>"
LINK = "https://northwind.example/letters"


def found(tmp_path: Path, text: str | None, html: str = HTML, **values: object) -> list[Finding]:
    mails = Mails(tmp_path)
    mails.write("letter/letter.mjml", html)
    if text is not None:
        mails.write("letter/letter.txt", text)
    return list(check_parity(mails.read_values("letter", {"name": "Ada", "link": LINK, **values})))


@pytest.mark.parametrize("text", [None, "", "  \n \n"], ids=["no file", "empty", "blank"])
def test_a_mail_without_a_text_part_is_told_to_have_one(tmp_path: Path, text: str | None) -> None:
    (finding,) = found(tmp_path, text)
    assert finding.rule == "parity/no-text"
    assert at(finding.place) == ("letter/letter.mjml", 1)


def test_the_text_part_is_missed_in_the_mail_and_not_in_its_layout(tmp_path: Path) -> None:
    mails = Mails(tmp_path)
    mails.write("_layout/base.mjml", "<mjml><mj-body>{% block content %}{% endblock %}</mj-body></mjml>")
    mails.write("letter/letter.mjml", '\n{% extends "_layout/base.mjml" %}{% block content %}<mj-text />{% endblock %}')
    (finding,) = check_parity(mails.read_values("letter", {}))
    assert (finding.rule, at(finding.place)) == ("parity/no-text", ("letter/letter.mjml", 1))


@pytest.mark.parametrize(
    "text", ["{{ link }}\n", "Open it ({{ link }}).\n", "<{{ link }}>\n", "See {{ link }}, today.\n"]
)
def test_a_link_is_in_the_text_however_it_stands_there(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


def test_an_escaped_link_is_not_the_link(tmp_path: Path) -> None:
    link = f"{LINK}?token=kT3vQ9mXh2Jr0pZsYc7L&email=ada%40northwind.example"
    assert found(tmp_path, "{{ link }}\n", link=link) == []
    rules = {finding.rule for finding in found(tmp_path, "{{ link|e }}\n", link=link)}
    assert rules == {"parity/html-in-text", "parity/link-not-in-text", "parity/link-not-in-html"}


@pytest.mark.parametrize("name", ['<b>Ada</b> & "Co"', "{{ Ada }}", "Ada &amp; Tom"])
def test_what_a_value_holds_is_not_the_template_s_mistake(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, "Hello {{ name }}, {{ link }}\n", name=name) == []


@pytest.mark.parametrize(
    "text", ["1 < 2 and 3 > 2", "<https://northwind.example/letters>", "Ada <ada@northwind.example>"]
)
def test_an_angle_bracket_alone_is_no_html(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, f"{text}\n{LINK}\n") == []


def test_the_mail_address_of_a_mailto_link_is_enough_in_the_text(tmp_path: Path) -> None:
    html = HTML.replace("</mj-text>", " <a href='mailto:help@northwind.example?subject=Hi'>Help</a></mj-text>")
    assert found(tmp_path, "{{ link }}\nhelp@northwind.example\n", html) == []
