"""Comments in templates that say which findings stay, and why."""

from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.report import Report

TITLE = "<mj-head><mj-title>News</mj-title></mj-head>"
MJML = (
    f'<mjml lang="en">\n{TITLE}\n<mj-body><mj-section><mj-column>\n{{}}\n'
    "</mj-column></mj-section></mj-body></mjml>"
)
BAD = '<mj-text font-sise="16px">Boats</mj-text>'
LONG = (
    '<mj-text\n  align="left"\n  css-class="{% if 2 > 1 %}a{% endif %}"\n  '
    'font-sise="16px">Boats</mj-text>'
)
RULE = "mjml/unknown-attribute"
COMMENT = f"{{# keyturn: ignore {RULE} because of the app #}}"


def checked(tmp_path: Path, body: str, name: str = "news.mjml", page: str = MJML) -> Report:
    return check_gallery(open_gallery(written(tmp_path, {name: page.replace("{}", body)})))


def rules_in(examination: Report) -> set[str]:
    return {found.rule for found in examination.found}


@pytest.mark.parametrize(
    ("body", "told", "ignored"),
    [
        *(
            (f"{comment}\n{BAD}", [], 1)
            for comment in (
                f"{{# keyturn: ignore {RULE} because the app rewrites it #}}",
                f"{{#- keyturn: ignore {RULE} because the app\n rewrites it -#}}",
                f"<!-- keyturn: ignore {RULE} because the app rewrites it -->",
                "<!-- keyturn: ignore links, mjml because the app rewrites it -->",
                "{# keyturn:ignore mjml because the app rewrites it #}\n\n{# of boats #}",
            )
        ),
        (f"{COMMENT}\n{LONG}", [], 1),  # a start tag counts as a whole
        (f"{BAD}{COMMENT}\n{BAD}", [5], 1),  # beside something it is for its own line
        (f"{COMMENT}\n{BAD}\n{BAD}", [6], 1),
        (f"{BAD}\n{BAD}\n{COMMENT.replace('ignore', 'ignore-file')}", [], 2),
    ],
)
def test_a_comment_with_a_reason_is_for_the_tag_below_it_or_the_file(
    tmp_path: Path, body: str, told: list[int], ignored: int
) -> None:
    examination = checked(tmp_path, body)
    assert [found.place.line for found in examination.found if found.rule == RULE] == told
    assert rules_in(examination) & {"ignore/unreadable", "ignore/unused"} == set()
    assert len(examination.ignored) == ignored


def test_a_comment_in_what_mails_share_is_for_them_all(tmp_path: Path) -> None:
    written(tmp_path, {"_boat.mjml": f"{COMMENT}\n{BAD}"})
    checked(tmp_path, "{% include '_boat.mjml' %}")
    examination = checked(tmp_path, "{% include '_boat.mjml' %}", "other.mjml")
    assert RULE not in rules_in(examination)


@pytest.mark.parametrize(
    "comment",
    [
        "{# keyturn: ignore mjml #}",
        "{# keyturn: ignore mjml because #}",
        "{# keyturn: ignore because of the app #}",
        "{# keyturn: ignore-next mjml because of the app #}",
        "<!-- keyturn: -->",
    ],
)
def test_without_a_reason_nothing_is_ignored_and_the_comment_is_told(
    tmp_path: Path, comment: str
) -> None:
    examination = checked(tmp_path, f"{comment}\n{BAD}")
    assert rules_in(examination) >= {RULE, "ignore/unreadable"}
    (said,) = (found for found in examination.found if found.rule == "ignore/unreadable")
    assert (said.place.line, said.place.column) == (4, 1)


def test_a_rule_that_there_is_not_is_told_with_what_was_meant(tmp_path: Path) -> None:
    examination = checked(
        tmp_path, f"{{# keyturn: ignore mjml/unknown-atribute because of the app #}}\n{BAD}"
    )
    (said,) = (found for found in examination.found if found.rule == "ignore/unknown-rule")
    assert f"did you mean {RULE}?" in said.message
    assert RULE in rules_in(examination)


def test_a_comment_that_nothing_comes_of_is_a_note(tmp_path: Path) -> None:
    examination = checked(tmp_path, f"{COMMENT}\n<mj-text>Boats</mj-text>")
    (said,) = (found for found in examination.found if found.rule == "ignore/unused")
    assert (said.severity, said.place.line) == ("note", 4)
    assert "ignore/unused" not in rules_in(check_gallery(open_gallery(tmp_path), only={"news"})), (
        "others may need it"
    )
    broken = checked(tmp_path, f"{COMMENT}\n{{% include 'gone.html' %}}")
    assert "ignore/unused" not in rules_in(broken), "what was not checked in full may need it"


def test_plain_html_and_text_parts_have_them_too(tmp_path: Path) -> None:
    page = '<html lang="en"><head><title>News</title></head><body>\n{}\n</body></html>'
    link = (
        '<!-- keyturn: ignore links because the app rewrites it -->\n<a href="boats/all">All '
        "boats</a>"
    )
    examination = checked(tmp_path, link, "news.html", page)
    assert not any(rule.startswith("links/") for rule in rules_in(examination))
    assert examination.ignored
