"""Outlook for Windows: which conditional comments it reads."""

import pytest

from keyturn.studio.lint.markup.conditional_comments import resolve_conditionals


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("a<!--[if !mso]> -->b<!-- <![endif]-->c", "ac"),
        (
            "a<!--[if mso | IE]><table><tr><td><![endif]-->b<!--[if mso | IE]></td></tr></table><![endif]-->",
            "a<table><tr><td>b</td></tr></table>",
        ),
        ("a<![if !mso]>b<![endif]>c<![if mso]>d<![endif]>", "acd"),
        ("a<!-- a comment -->b", "a<!-- a comment -->b"),
        ("a<!--[if !mso]><!-->b", "a"),
        ("a<![endif]-->b", "ab"),
        ("<!--[if !!mso]>a<![endif]--><!--[if !(mso | IE)]>b<![endif]--><!--[if (IE | mso) & vml]>c<![endif]-->", "ac"),
        ("<!--[if mso |]>a<![endif]--><!--[if & mso]>b<![endif]--><!--[if mso | ()]>c<![endif]-->", ""),
        ("<!--[if (mso]>a<![endif]--><!--[if mso)]>b<![endif]--><!--[if (mso) (mso)]>c<![endif]-->", ""),
    ],
)
def test_what_is_for_word_alone_is_in_the_mail_and_what_is_for_others_is_not(html: str, read: str) -> None:
    assert resolve_conditionals(html) == read
