"""Comments of Liquid that say which findings stay."""

import pytest
from tests.emails.engines.liquid.folders import Written, told

from keyturn.emails.lint.examination import examine


@pytest.mark.parametrize(
    "comment",
    [
        "{% comment %} keyturn: ignore links/relative because the app\n rewrites it {% endcomment %}",
        "{%- comment -%}keyturn: ignore links/relative because the app rewrites it{%- endcomment -%}",
        "{% # keyturn: ignore links/relative because the app rewrites it %}",
        "{%- # keyturn: ignore links because the app rewrites it -%}\n{% comment %} of {{ boats }} {% endcomment %}",
        "<!-- keyturn: ignore links/relative because the app rewrites it -->",
    ],
)
def test_a_comment_of_liquids_own_form_ignores_what_comes_next(written: Written, comment: str) -> None:
    link = '<a href="boats/all">All boats</a>'
    examination = examine(written(f"<p>\n{comment}\n{link}\n{link}"))

    findings = [one.finding for one in examination.found if one.finding.group in ("ignore", "links", "liquid")]
    assert [one.rule for one in findings] == ["links/relative"]
    assert [(one.finding.rule, one.reason) for one in examination.ignored] == [
        ("links/relative", "the app rewrites it")
    ]


def test_a_comment_of_jinjas_form_is_sent_to_readers_and_told(written: Written) -> None:
    comment = "{# keyturn: ignore links/relative because the app rewrites it #}"
    gallery = written(f'<p>\n{comment}<a href="boats/all">All boats</a>\n{{% # keyturn: ignore links %}}')

    ((place, _, message, fix), (_, rule, _, how)) = told(gallery, "ignore")
    assert (place, "Liquid has no such comments" in message, "{% comment %} keyturn:" in fix) == (
        "mail.liquid:2:1",
        True,
        True,
    )
    assert (rule, "{% comment %} keyturn:" in how) == ("ignore/unreadable", True)
