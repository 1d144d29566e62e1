"""Mails of thousands of parts, within each other or in one line: each ends itself alone, and costs
what it is long.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from keyturn import Mails

pytestmark = pytest.mark.long

PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>\n{}\n</body></html>'
MANY = 3_000

EXPRESSIONS = {
    "attributes": "{{ a" + ".b" * MANY + " }}",
    "items": "{{ a" + "[0]" * MANY + " }}",
    "calls": "{{ a" + "()" * MANY + " }}",
    "filters": "{{ a" + "|upper" * MANY + " }}",
    "brackets": "{{ " + "(" * MANY + "a" + ")" * MANY + " }}",
    "lists": "{{ " + "[" * MANY + "a" + "]" * MANY + " }}",
    "arguments": "{{ " + "f(" * MANY + "a" + ")" * MANY + " }}",
    "nots": "{{ " + "not " * MANY + "a }}",
    "sums": "{{ a" + " + a" * MANY + " }}",
    "powers": "{{ a" + " ** a" * MANY + " }}",
    "conditions": "{% if a" + " or a" * MANY + " %}Yes{% endif %}",
    "inline conditions": "{{ " + "a if a else " * MANY + "a }}",
    "blocks": "{% if a %}" * MANY + "Yes" + "{% endif %}" * MANY,
    "loops": "{% for a in a %}" * MANY + "Yes" + "{% endfor %}" * MANY,
    "more loops than Python takes": "{% for a in a %}" * 21 + "Yes" + "{% endfor %}" * 21,
    "a name that Python keeps": "{{ f(__debug__=1) }}",
}
MARKUP = {
    "boxes": "<div>" * MANY + "Yes" + "</div>" * MANY,
    "tables": "<table><tr><td>" * MANY + "Yes" + "</td></tr></table>" * MANY,
    "start tags": "<span>" * MANY,
    "end tags": "</div>" * MANY,
    "style sheets": "<style>" + "@media x{" * MANY + "a{color:red}" + "}" * MANY + "</style>",
    "calculations": "<style>a{width:" + "calc(" * MANY + "1px" + ")" * MANY + "}</style>",
    "selectors": "<style>" + ":not(" * MANY + "a" + ")" * MANY + "{color:red}</style>",
    "attribute selectors": "<style>" + "a[" * MANY + "</style>",
    "questions": "{% if a %}" + "{% elif a %}Yes" * 2_000 + "{% endif %}",
    "Outlook's comments": "<!--[if mso]>" * MANY + "Yes" + "<![endif]-->" * MANY,
}


@pytest.fixture
def emails(tmp_path: Path) -> Path:
    folder = tmp_path / "emails"
    folder.mkdir()
    (folder / "good.html").write_text(PAGE.format('<a href="htps://boats.test">Boats</a>'))
    return folder


def rules_of(emails: Path, bad: str) -> list[str]:
    """Check a mail beside another one, whose finding must be reported; return its own rules."""
    (emails / "bad.html").write_text(PAGE.format(bad))
    found = list(Mails.open(emails).check().found)
    assert ("good.html", "links/unknown-scheme") in [(one.place.file, one.rule) for one in found]
    return [one.rule for one in found if one.place.file == "bad.html"]


@pytest.mark.parametrize("bad", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_that_is_nested_too_deeply_ends_its_own_mail(emails: Path, bad: str) -> None:
    assert rules_of(emails, bad) == ["jinja/syntax"]


@pytest.mark.parametrize("bad", MARKUP.values(), ids=MARKUP.keys())
def test_markup_that_is_nested_deeply_is_checked(emails: Path, bad: str) -> None:
    assert "parity/no-text" in rules_of(emails, bad)


@pytest.mark.parametrize("form", ["{{# {} #}}\n", "<!-- {} -->\n"])
def test_a_thousand_comments_of_a_file_count(emails: Path, form: str) -> None:
    comments = form.format("keyturn: ignore links because they are old") * MANY
    assert Counter(rules_of(emails, comments))["ignore/unused"] == 1_000
    assert "links/unknown-scheme" not in rules_of(
        emails, f"{comments}<a href='htps://boats.test'>Boats</a>"
    )


def test_the_limit_of_time_holds_while_a_template_is_read(emails: Path) -> None:
    (emails / "keyturn.toml").write_text("[studio]\nlimit_seconds = 1\n")
    (emails / "bad.html").write_text(PAGE.format("{{ a" + ".b" * 200_000 + " }}"))
    command = [
        sys.executable,
        "-m",
        "keyturn",
        "check",
        str(emails),
        "--format",
        "json",
        "--no-cache",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {
        (one["file"].rpartition("/")[2], one["rule"])
        for one in json.loads(shown.stdout)["findings"]
    }
    assert found >= {("bad.html", "limits/time"), ("good.html", "links/unknown-scheme")}
