"""What each client lacks of a value, an element or a selector: the verdicts of Can I email, read
with their notes.

Each row was worked out by hand from the notes of the source: "Gmail" is its three apps, "Gmail's
apps" the two on phones, which read no stylesheet and little CSS in accounts of other providers.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.studio.folders import found_in

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.checks.compatibility import check_compatibility
from keyturn.studio.lint.clients.clients import GROUPS
from keyturn.studio.lint.document import read_document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.source.origins import with_origins

WORD = ("outlook/windows",)
GMAIL, OUTLOOK, YAHOO, APPLE = (GROUPS[name] for name in ("gmail", "outlook", "yahoo", "apple"))
APPS = ("gmail/ios", "gmail/android")
ALL_THREE = (*GMAIL, *OUTLOOK, *YAHOO)
NEW_OUTLOOK = ("outlook/macos", "outlook/outlook-com", "outlook/ios", "outlook/android")


class Row(NamedTuple):
    feature: str
    html: str = ""
    css: str = ""
    no: Iterable[str] = ()
    partial: Iterable[str] = ()


def inline(
    feature: str, style: str, no: Iterable[str] = (), partial: Iterable[str] = (), tag: str = "div"
) -> Row:
    return Row(feature, html=f'<{tag} style="{style}">x</{tag}>', no=no, partial=partial)


def cell(feature: str, style: str, no: Iterable[str] = ()) -> Row:
    return Row(feature, html=f'<table><tr><td style="{style}">x</td></tr></table>', no=no)


def sheet(feature: str, css: str, no: Iterable[str] = (), partial: Iterable[str] = ()) -> Row:
    html = '<p class="a b" title="x">One <b>two</b></p><table><tr><td>x</td></tr></table>'
    return Row(feature, html=html, css=css, no=no, partial=partial)


def element(feature: str, html: str, no: Iterable[str] = (), partial: Iterable[str] = ()) -> Row:
    return Row(feature, html=html, no=no, partial=partial)


ROWS = [
    # Web fonts
    sheet(
        "css-at-font-face",
        "@font-face { font-family: A; src: url(https://a.example/a.woff2) }",
        ALL_THREE,
    ),
    sheet("css-at-font-face", "@import url(https://fonts.example/css2?family=A);", ALL_THREE),
    # Boxes in Word
    inline("css-max-width", "max-width:600px", WORD),
    inline("css-max-width", "max-width:600px", tag="table"),
    inline("css-width", "width:300px", WORD),
    cell("css-width", "width:300px"),
    inline("css-height", "height:40px", (*WORD, *YAHOO)),
    cell("css-height", "height:40px", YAHOO),
    inline("css-padding", "padding:12px 20px", WORD),
    cell("css-padding", "padding:12px"),
    inline("css-margin", "margin:0 auto", WORD),
    inline("css-margin", "margin:-4px", ALL_THREE),
    inline("css-margin", "margin:0 0 16px", tag="p"),
    sheet("css-max-width", ".a { max-width: 20em }", WORD),
    # Backgrounds
    inline("css-background", "background:#ffffff url(https://a.example/a.png) no-repeat", WORD),
    inline("css-background", "background:#ffffff"),
    inline(
        "css-background",
        "background:linear-gradient(red, blue), url(https://a.example/a.png)",
        (*WORD, *YAHOO),
    ),
    inline(
        "css-linear-gradient",
        "background-image:linear-gradient(red, blue)",
        (*OUTLOOK, *YAHOO, "gmail/android"),
    ),
    element(
        "html-background",
        '<table background="https://a.example/a.png"><tr><td>x</td></tr></table>',
        WORD,
        APPS,
    ),
    # Position
    inline("css-position", "position:relative", (*GMAIL, *WORD, *NEW_OUTLOOK)),
    inline("css-position", "position:absolute", ALL_THREE),
    inline("css-position", "position:fixed", (*APPLE, *GMAIL, *OUTLOOK, *YAHOO)),
    # !important
    inline("css-important", "color:red !important", WORD),
    inline("css-important", "color:red !IMPORTANT", (*WORD, *GMAIL)),
    sheet("css-important", ".a { color: red !important }"),
    sheet(
        "css-important",
        ".a { background-image: url(https://a.example/a.png)!important }",
        (*WORD, *YAHOO),
    ),
    # Gmail's other accounts
    inline("css-display-flex", "display:flex", WORD, APPS),
    inline("css-display-grid", "display:grid", WORD, APPS),
    inline("css-unit-calc", "width:calc(100% - 2px)", (*OUTLOOK, *YAHOO), APPS),
    inline(
        "css-box-shadow",
        "box-shadow:0 1px 2px #000",
        ("gmail/desktop-webmail", *WORD, *YAHOO),
        APPS,
    ),
    # Values
    inline("css-display", "display:inline-block", WORD),
    inline("css-display", "display:block"),
    inline("css-display-none", "display:none"),
    inline("css-border", "border:12px solid #000", WORD),
    inline("css-border", "border:1px solid #000"),
    inline("css-font-weight", "font-weight:500", WORD),
    inline("css-font-weight", "font-weight:650", (*WORD, *YAHOO)),
    inline("css-white-space", "white-space:pre", (*WORD, *APPS, "yahoo/ios", "yahoo/android")),
    inline(
        "css-overflow",
        "overflow:auto",
        (*WORD, "gmail/android", "outlook/android", "yahoo/android"),
    ),
    inline("css-text-align", "text-align:left"),
    inline("css-text-transform", "text-transform:lowercase", WORD),
    inline("css-text-indent", "text-indent:-10px", (*GMAIL, *YAHOO)),
    inline(
        "css-list-style",
        "list-style:url(https://a.example/a.png)",
        (*GMAIL, *WORD, "outlook/macos", *YAHOO),
        tag="ul",
    ),
    inline("css-rgb", "color:rgb(0, 0, 0)"),
    inline("css-rgb", "color:rgb(0 0 0)", (*GMAIL, *WORD, *YAHOO)),
    inline("css-unit-vh", "height:50vh", (*WORD, "apple-mail/ios")),
    inline("css-border-radius", "border-radius:4px", WORD),
    inline("css-float", "float:inline-start", (*WORD, *APPS, *YAHOO)),
    # Selectors
    sheet("css-selector-child", "p > b { color: red }", WORD, APPS),
    sheet("css-selector-general-sibling", "p ~ table { color: red }", WORD, APPS),
    sheet("css-selector-chaining", ".a.b { color: red }", (*WORD, "outlook/outlook-com"), APPS),
    sheet("css-selector-chaining", "p.a { color: red }"),
    sheet("css-selector-attribute", "p[title] { color: red }", (*GMAIL, *WORD, *YAHOO)),
    sheet("css-selector-attribute", "p[title^=x] { color: red }", ALL_THREE),
    sheet("css-pseudo-class-first-child", "p:first-child { color: red }", (*GMAIL, *WORD)),
    sheet(
        "css-pseudo-class-first-child",
        ".a:first-child { color: red }",
        (*GMAIL, *WORD, "outlook/macos", "outlook/outlook-com"),
    ),
    sheet("css-pseudo-class-has", "p:has(b) { color: red }", ALL_THREE),
    # At-rules
    sheet("css-at-media", "@media (max-width: 480px) { p { color: red } }", WORD, APPS),
    sheet("css-at-media", "@media (max-height: 480px) { p { color: red } }", (*GMAIL, *WORD)),
    sheet(
        "css-at-media",
        "@media screen { @media (max-width: 480px) { p { color: red } } }",
        (*OUTLOOK,),
        APPS,
    ),
    sheet(
        "css-at-media-orientation",
        "@media (orientation: portrait) { p { color: red } }",
        ("apple-mail/ios", "gmail/ios", *WORD, *YAHOO),
    ),
    sheet(
        "css-at-media-orientation",
        "@media (orientation: landscape) { p { color: red } }",
        ("gmail/ios", *WORD, *YAHOO),
    ),
    sheet(
        "css-at-keyframes",
        "@keyframes a { from { color: red } }",
        (*GMAIL, *OUTLOOK, "yahoo/ios", "yahoo/android"),
    ),
    sheet("css-max-width", "@media (max-width: 480px) { .a { max-width: 300px } }"),
    sheet("html-style", "p { color: red }", (), APPS),
    element("html-style", "<style>p { color: red }</style>", GMAIL, ()),
    # Elements
    element("html-semantics", "<nav>x</nav>", ALL_THREE),
    element("html-semantics", "<section>x</section>", (*OUTLOOK, *YAHOO)),
    element("html-input-checkbox", '<input type="checkbox">', WORD),
    element("html-input-text", "<input>", (*WORD, "outlook/android", "yahoo/android")),
    element("image-base64", '<img src="data:image/png;base64,AA==" alt="">', GMAIL),
    element("image-base64", '<img src="data:image/gif;base64,AA==" alt="">', (*GMAIL, *WORD)),
    # Kept from Word
    element(
        "css-display-flex",
        '<!--[if !mso]><!--><p style="display:flex">x</p><!--<![endif]-->',
        (),
        APPS,
    ),
]


def findings(folder: Path, row: Row) -> list[Finding]:
    head = f"<style>{row.css}</style>" if row.css else ""
    (folder / "letter.html").write_text(
        f"<html><head>{head}</head><body>{row.html}</body></html>", "utf-8"
    )
    gallery = open_gallery(folder)
    (sample,) = gallery.samples("letter").values()
    document = read_document(
        gallery.sample_templates(with_origins)(sample),
        "letter",
        sample,
        gallery.languages.choose("en"),
    )
    return [finding for finding in check_compatibility(document) if finding.feature == row.feature]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.feature} {row.css or row.html}"[:90])
@pytest.mark.long
def test_each_client_lacks_what_its_notes_say_of_this_very_use(tmp_path: Path, row: Row) -> None:
    gaps = {
        gap.client: gap.support for finding in findings(tmp_path, row) for gap in finding.clients
    }
    assert gaps == {**dict.fromkeys(row.partial, "partial"), **dict.fromkeys(row.no, "no")}


@pytest.mark.parametrize(
    "css",
    [
        "u + .body a { color: red }",
        "#outlook a { padding: 4px }",
        "a[x-apple-data-detectors] { color: red }",
        ".ExternalClass * { line-height: 100% }",
    ],
)
def test_a_rule_for_one_client_alone_is_missed_by_nobody(tmp_path: Path, css: str) -> None:
    for feature in (
        "css-selector-adjacent-sibling",
        "css-selector-attribute",
        "css-selector-universal",
        "css-padding",
    ):
        assert findings(tmp_path, sheet(feature, css)) == []


@pytest.mark.parametrize(
    "style",
    [
        *(
            "float: none",
            "clear: none",
            "position: static",
            "visibility: visible",
            "max-width: NONE",
            "opacity: 1",
        ),
        *(
            "text-transform: none",
            "border-radius: 0",
            "box-shadow: none",
            "overflow-wrap: normal",
            "z-index: auto",
        ),
    ],
)
def test_initial_value(tmp_path: Path, style: str) -> None:
    """A declaration of the initial value uses no feature: a client that ignores
    it shows the same.
    """
    page = f'<html lang="en"><body><div style="{style}">x</div></body></html>'
    found = found_in(tmp_path, {"a.html": page}, "compatibility")
    assert [one.feature for one in found] == []
