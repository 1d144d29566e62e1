"""The parts of a mail: what readers need of its HTML, its size, and its text beside its HTML."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.checks.parts import CLIPPED_AT, STYLE_DROPPED_AT, size_of
from keyturn.studio.lint.finding import Finding

LETTER = """<mjml lang="en"><mj-head><mj-title>Hello</mj-title>{head}</mj-head>\
<mj-body><mj-section><mj-column>
{body}</mj-column></mj-section></mj-body></mjml>"""
LINK = "https://northwind.example/letters"
HELLO, BUTTON = (
    "<mj-text><h1>{{ name }}</h1></mj-text>",
    "<mj-button href='{{ link }}'>Open it</mj-button>",
)


def found(
    folder: Path,
    body: str,
    text: str | None = None,
    head: str = "",
    only: str = "",
    **values: object,
) -> list[Finding]:
    files = {
        "letter.mjml": LETTER.replace("{body}", body).replace("{head}", head),
        "letter.json": json.dumps({"ada": {"name": "Ada", "link": LINK, **values}}),
    }
    if text is not None:
        files["letter.txt"] = text
    return found_in(folder, files, *([only] if only else ["accessibility", "sizes"]))


@pytest.mark.parametrize(
    "body",
    [
        "<mj-text font-size='16px'><h1>Hello</h1><h2>Why</h2><h2>How</h2><h3>Where</h3></mj-text>",
        "<mj-text><h1>Hello</h1></mj-text><mj-image src='https://a.example/line.png' alt='' />",
        "<mj-text><h1>Hello</h1></mj-text><mj-table><tr><th>When</th><td>Now</td></tr></mj-table>",
        (
            "<mj-text><h1>Hello</h1><table "
            "role='presentation'><tr><td>Hello</td></tr></table></mj-text>"
        ),
        "<mj-text><h1>Hello</h1><p style='font-size:13px;line-height:1'>Short</p></mj-text>",
        "<mj-text><h1>Hello</h1><p style='display:none;font-size:1px'>Not seen</p></mj-text>",
    ],
)
def test_what_is_good_is_left_alone(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, body) == []


def test_a_size_is_of_what_is_sent() -> None:
    size = size_of("<style>ä</style><style>abc</style>é", "ñ")
    assert (size.html, size.style, size.text) == (37, 3, 2)
    assert size_of("", "").style == 0


def test_a_mail_is_too_big_from_the_first_byte_over(tmp_path: Path) -> None:
    body = "<mj-raw>{{ name }}</mj-raw>"
    found(tmp_path, body, name="")
    gallery = open_gallery(tmp_path)
    sample = next(iter(gallery.samples("letter").values()))
    empty = (
        gallery.sample_templates()(sample)
        .render_values("letter", {"name": ""}, gallery.languages.choose("en"))
        .html
    )
    for more, said in ((0, []), (1, ["The HTML has more than 102 KB, so Gmail cuts the mail"])):
        long = "x" * (CLIPPED_AT - len(empty.encode()) + more)
        assert [
            one.message.split(".")[0] for one in found(tmp_path, body, only="sizes", name=long)
        ] == said


def test_styles_are_counted_block_by_block(tmp_path: Path) -> None:
    half = ".a { color: #111111 }" * (STYLE_DROPPED_AT // 40)
    assert found(tmp_path, HELLO, head=f"<mj-style>{half}</mj-style>") == []
    (dropped,) = found(tmp_path, HELLO, head=f"<mj-style>{half}{half}</mj-style>")
    assert (dropped.rule, "16,384 bytes" in dropped.message) == ("sizes/style-dropped", True)


@pytest.mark.parametrize("text", [None, "", "  \n \n"], ids=["no file", "empty", "blank"])
def test_a_mail_without_a_text_part_is_told_to_have_one(tmp_path: Path, text: str | None) -> None:
    (finding,) = found(tmp_path, BUTTON, text, only="parity")
    assert (finding.rule, str(finding.place)) == ("parity/no-text", "letter.mjml:1:1")


LONG_LINK = f"{LINK}?token=kT3vQ9mXh2Jr0pZsYc7L&email=ada%40northwind.example"
ESCAPED = {"parity/html-in-text", "parity/link-not-in-text", "parity/link-not-in-html"}


@pytest.mark.parametrize(
    ("text", "values", "rules"),
    [
        *(
            (text, {}, set())
            for text in (
                "{{ link }}\n",
                "Open it ({{ link }}).\n",
                "<{{ link }}>\n",
                "{{ link }}, now",
            )
        ),
        ("{{ link }}\n", {"link": LONG_LINK}, set()),
        ("{{ link|e }}\n", {"link": LONG_LINK}, ESCAPED),
        *(
            (
                "Hello {{ name }}, {{ link }}\n",
                {"name": name},
                set(),
            )  # a value's mistake is not the template's
            for name in ('<b>Ada</b> & "Co"', "{{ Ada }}", "Ada &amp; Tom")
        ),
        (f"{'a ' * 250}b\n{LINK}\n", {}, {"parity/long-line"}),
        (f"{'a ' * 249}bc\n{LINK}\n", {}, set()),
        *(
            (f"{text}\n{LINK}\n", {}, set())
            for text in ("1 < 2 and 3 > 2", f"<{LINK}>", "Ada <ada@northwind.example>")
        ),
    ],
)
def test_the_text_says_what_html_says(
    tmp_path: Path, text: str, values: Mapping[str, str], rules: set[str]
) -> None:
    assert {
        one.rule for one in found(tmp_path, HELLO + BUTTON, text, only="parity", **values)
    } == rules


def test_the_mail_address_of_a_mailto_link_is_enough_in_the_text(tmp_path: Path) -> None:
    body = f"{BUTTON}<mj-text><a href='mailto:help@northwind.example?subject=Hi'>Help</a></mj-text>"
    assert found(tmp_path, body, "{{ link }}\nhelp@northwind.example\n", only="parity") == []
