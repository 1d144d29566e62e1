"""What a screen reader says of a mail and in which order, and what Outlook for Windows reads of
comments.
"""

import pytest

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.lint.markup.conditional_comments import resolve_conditionals
from keyturn.studio.lint.reading import read_aloud

MAIL = """\
<!doctype html><html lang="en"><head><title>Not said</title>
<style>p { color: red }</style></head><body>
<div style="display:none">Preheader</div><p hidden>Hidden</p><span aria-hidden="true">Sign</span>
<div role="article" aria-label="Welcome">
<table role="presentation"><tr><td><h1>Hello <b>Ada</b></h1></td></tr>
<tr><td>Some <i>slanted</i> words<br>and a second line.
<a href="https://a.example/open"><img src="b.png" alt="Open it"></a>
<img src="rule.png" alt=""><img src="c/tree.png"><img src="d.png" alt="A tree"></td></tr></table>
<ul><li>One</li><li><a href="https://a.example/2">Two</a></li></ul>
<table><caption>Prices</caption><tr><th>Tea</th><td>2</td></tr></table>
<p lang="fr">Merci</p><a href="https://a.example/x"></a>
<div role="heading" aria-level="3">Last</div>
</div></body></html>
"""


def test_a_mail_is_said_in_its_order_without_what_is_hidden_and_without_tables_for_layout() -> None:
    read = read_aloud(parse_html(MAIL))
    assert {one.words: one.language for one in read if one.kind == "text"}["Merci"] == "fr"
    assert read[0].language == "en"
    assert [(one.kind, one.words, one.level or one.about) for one in read] == [
        ("heading", "Hello Ada", 1),
        ("text", "Some slanted words", ""),
        ("text", "and a second line.", ""),
        ("link", "Open it", "https://a.example/open"),
        ("silent-image", "tree.png", ""),
        ("image", "A tree", ""),
        ("list", "", "2 entries"),
        ("item", "One", ""),
        ("item", "", ""),
        ("link", "Two", "https://a.example/2"),
        ("table", "Prices", "1 rows, 2 columns"),
        ("text", "Prices", ""),
        ("text", "Tea", ""),
        ("text", "2", ""),
        ("text", "Merci", ""),
        ("nameless-link", "https://a.example/x", ""),
        ("heading", "Last", 3),
    ]


@pytest.mark.parametrize(
    "html", ["", "<html></html>", "<div style='display:none'>Hello</div>", "<img alt=''>", "&zwnj;"]
)
def test_of_an_empty_mail_nothing_is_said(html: str) -> None:
    assert read_aloud(parse_html(html)) == []


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("a<!--[if !mso]> -->b<!-- <![endif]-->c", "ac"),
        (
            (
                "a<!--[if mso | IE]><table><tr><td><![endif]-->b"
                "<!--[if mso | IE]></td></tr></table><![endif]-->"
            ),
            "a<table><tr><td>b</td></tr></table>",
        ),
        ("a<![if !mso]>b<![endif]>c<![if mso]>d<![endif]>", "acd"),
        ("a<!-- a comment -->b", "a<!-- a comment -->b"),
        ("a<!--[if !mso]><!-->b", "a"),
        ("a<![endif]-->b", "ab"),
        (
            (
                "<!--[if !!mso]>a<![endif]-->"
                "<!--[if !(mso | IE)]>b<![endif]-->"
                "<!--[if (IE | mso) & vml]>c<![endif]-->"
            ),
            "ac",
        ),
        (
            (
                "<!--[if mso |]>a<![endif]-->"
                "<!--[if & mso]>b<![endif]-->"
                "<!--[if mso | ()]>c<![endif]-->"
            ),
            "",
        ),
        (
            (
                "<!--[if (mso]>a<![endif]-->"
                "<!--[if mso)]>b<![endif]-->"
                "<!--[if (mso) (mso)]>c<![endif]-->"
            ),
            "",
        ),
    ],
)
def test_what_is_for_word_alone_is_in_the_mail_and_what_is_for_others_is_not(
    html: str, read: str
) -> None:
    assert resolve_conditionals(html) == read
