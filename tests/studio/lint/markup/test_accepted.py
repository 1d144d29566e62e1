"""MJML that the reference compiler accepts without a word, and ours compiles: nothing of it may be
reported.
"""

from pathlib import Path

import pytest
from tests.studio.folders import found_in, written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery

BODY = "<mjml><mj-body>{}</mj-body></mjml>"
SECTION = BODY.format("<mj-section>{}</mj-section>")
COLUMN = SECTION.format("<mj-column>{}</mj-column>")
HEAD = "<mjml><mj-head>{}</mj-head><mj-body></mj-body></mjml>"

CLASSES = (
    "<mjml><mj-head><mj-attributes><mj-class name='a' color='red' /><mj-class name='b' "
    "align='left'/></mj-attributes>"
    "</mj-head><mj-body><mj-section mj-class='a'>{}</mj-section></mj-body></mjml>"
)
MSO = "<!--[if mso]><table><tr><td><![endif]-->a<!--[if mso]></td></tr></table><![endif]-->"

ACCEPTED = [
    "<mjml><mj-body></mj-body></mjml>",
    (
        '<mjml version="4.0" xmlns="https://mjml.io/schema" owa="desktop" lang="de" '
        'dir="rtl"><mj-body></mj-body></mjml>'
    ),
    "<!-- first --><mjml><mj-body></mj-body></mjml><!-- last -->\n",
    BODY.format(
        '<mj-section css-class="a b" full-width="full-width" background-size="cover"></mj-section>'
    ),
    BODY.format("<mj-raw><table><tr><td>&nbsp;<br><hr></td></tr></table></mj-raw>"),
    BODY.format('<mj-raw position="file-start"><!-- top --></mj-raw>'),
    COLUMN.format(
        '<mj-text color="#FFF" background-color="transparent" container-background-color="rgb(1, '
        '2,3)" />'
    ),
    COLUMN.format(
        '<mj-text color="rgba(0,0,0,0.25)" letter-spacing="-0.5em" line-height="1.5" height="10%" '
        "/>"
    ),
    COLUMN.format("<mj-text align='left' padding='0'>It's &lt;b&gt; &copy; 5 &gt; 4</mj-text>"),
    COLUMN.format('<mj-text padding = "1px 2px 3px 4px" padding-left="0px">a</mj-text >'),
    COLUMN.format(
        '<mj-text><p>A<br>b<img src="https://x.example/a.png" '
        "alt='>'></p><ul><li>c</li></ul></mj-text>"
    ),
    COLUMN.format(f"<mj-text>{MSO}</mj-text>"),
    COLUMN.format("<mj-text><!--[if !mso]><!-->a<!--<![endif]--></mj-text>"),
    COLUMN.format("<mj-text><!--[if !mso]><!-- -->a<!--<![endif]--></mj-text>"),
    COLUMN.format("<mj-text><!--[if mso]><style>.a { --b: 1 }</style><![endif]--></mj-text>"),
    COLUMN.format(
        "<mj-text><a href=\"https://x.example/?a=1&amp;b=2\" target='_blank' "
        "disabled>a</a></mj-text>"
    ),
    COLUMN.format(
        '<mj-table width="auto" cellpadding="0" table-layout="fixed" '
        'role="none"><tr><td/></tr></mj-table>'
    ),
    COLUMN.format("<mj-text>a single {brace} and a {{ '{{' }}</mj-text>"),
    HEAD.format(
        '<mj-title>A &amp; B</mj-title><mj-preview></mj-preview><mj-breakpoint width="320px" />'
    ),
    HEAD.format(
        '<mj-font name="A" href="https://x.example/a.css" /><mj-style inline="inline">a > b { '
        "}</mj-style>"
    ),
    HEAD.format('<mj-raw><meta name="a" content="b"><style>a > b { margin: 0 }</style></mj-raw>'),
    CLASSES.format("<mj-column><mj-text mj-class='a b'>x</mj-text></mj-column>"),
]


@pytest.mark.parametrize("mjml", ACCEPTED)
def test_nothing_is_reported(tmp_path: Path, mjml: str) -> None:
    assert (
        check_gallery(open_gallery(written(tmp_path, {"mail.mjml": mjml})), checks=()).found == ()
    )


def test_what_mjml_writes_by_itself_is_reported_by_no_check(tmp_path: Path) -> None:
    mjml = """<mjml lang="en"><mj-head><mj-title>Hello</mj-title></mj-head><mj-body>
        <mj-hero background-url="https://northwind.example/a.png" background-height="100px"
          background-color="#ffffff">
        <mj-text><h1>Hello</h1></mj-text></mj-hero>
        <mj-section background-url="https://northwind.example/a.png" background-size="cover">
        <mj-column><mj-image src="https://northwind.example/a.png" alt="Harbour" />
        <mj-divider /><mj-spacer height="20px" />
        </mj-column></mj-section></mj-body></mjml>"""
    assert found_in(tmp_path, {"mail.txt": "Hello\n", "mail.mjml": mjml}) == []


REFUSED_BY_OURS = {"mjml-head-html-attributes-0", "mjml-raw-2"}
"""Examples of what mrml, the compiler here, does not read; so they are reported, for that alone."""


def test_nothing_is_reported_of_the_examples_in_the_documentation_of_mjml() -> None:
    examination = check_gallery(open_gallery(Path(__file__).parent / "official"), checks=())
    assert examination.templates == 33
    reported = {found.place.file.removesuffix(".mjml"): found.rule for found in examination.found}
    assert reported == {
        **dict.fromkeys(REFUSED_BY_OURS, "mjml/unsupported-element"),
        "mjml-accordion-0": "mjml/unread-attribute",
    }
