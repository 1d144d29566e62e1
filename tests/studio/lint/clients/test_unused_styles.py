"""Selectors that match nothing in any mail, and what is no such selector: of clients, of MJML, of
other branches.
"""

from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery

PAGE = """<html lang="en"><head><title>News</title><style>
{css}
</style></head><body class="body">
<h1 class="title" id="top">News of the harbour</h1>
<table class="card"><tr>
<td class="button" style="padding:9px"><p>The boat is here.</p></td></tr></table>
{more}
</body></html>"""


def unused(folder: Path, *, only: tuple[str, ...] | None = None) -> dict[str, str]:
    found = check_gallery(open_gallery(folder), only=only).with_rules(["styles"]).found
    return {
        one.message.removesuffix(".").rpartition("matches ")[2]: str(one.place) for one in found
    }


def of_page(folder: Path, css: str, more: str = "", samples: str = "") -> dict[str, str]:
    files = {
        "news.html": PAGE.replace("{css}", css).replace("{more}", more),
        "news.txt": "The boat is here.",
    }
    return unused(written(folder, files | ({"news.samples.toml": samples} if samples else {})))


@pytest.mark.parametrize(
    "selector", [".quay", "#quay", ".quay a", ".quay:hover", ".card.title", ".title .button"]
)
def test_a_selector_that_no_element_matches_is_a_note_at_its_rule(
    tmp_path: Path, selector: str
) -> None:
    assert of_page(tmp_path, f".card {{ color: #111 }}\n{selector} {{ color: #111 }}") == {
        selector: "news.html:3:1"
    }


QUAY = ".quay { color: #111 }"
WRITTEN_BY_OTHERS = (
    *(
        "u + .quay",
        "u ~ div .quay",
        "[owa] .quay",
        ".ExternalClass .quay",
        "#outlook a",
        "[data-ogsc] .quay",
    ),
    *(
        "a[x-apple-data-detectors]",
        "#MessageViewBody a",
        ".gmail-fix",
        ".mj-column-per-50",
        ".x_quay",
    ),
    *(
        "*[class~=x_quay]",
        ".card .button, #top:hover, body.body h1",
        ".card > tr",
        ".card h3, blockquote",
    ),
)
"""By clients or MJML, or without a name of the author's; and selectors that match."""


@pytest.mark.parametrize(
    ("css", "more", "samples"),
    [
        *((f"{selector} {{ color: #111 }}", "", "") for selector in WRITTEN_BY_OTHERS),
        ("@keyframes quay { from { color: #111 } .5% { color: #222 } }", "", ""),
        ("@font-face { font-family: quay }", "", ""),
        (QUAY, '{% if level > 99 and level < 1 %}<p class="quay">x</p>{% endif %}', ""),
        (QUAY, '<!--[if mso]><p class="quay">x</p><![endif]-->', ""),
        (QUAY, "{% set kind = 'quay' if 1 > 2 else 'title' %}<p class=\"{{ kind }}\">x</p>", ""),
        (QUAY, '<p class="{{ kind }}">x</p>', '[first]\nkind = "title"'),
        (QUAY, '<p class="title {{ order.kind }}">x</p>', '[first]\norder = {kind = "title"}'),
        (QUAY, "{% include 'nothing.html' %}", ""),  # what was not checked in full tells nothing
    ],
)
def test_a_selector_that_others_write_or_that_the_mail_may_match_is_left_out(
    tmp_path: Path, css: str, more: str, samples: str
) -> None:
    assert of_page(tmp_path, css, more, samples) == {}


def test_a_name_whose_beginning_is_written_is_left_out(tmp_path: Path) -> None:
    css, more = (
        ".level-gold { color: #111 } .levels { color: #111 }",
        '<p class="level-{{ level }}">x</p>',
    )
    assert list(of_page(tmp_path, css, more, '[first]\nlevel = "tin"')) == [".levels"]


def test_a_misspelt_name_is_a_warning_that_names_the_class_without_a_style(tmp_path: Path) -> None:
    css = (
        ".buton { color: #111 } .titles { color: #111 } .title { color: #222 } .column-2 { "
        "color: #111 }"
    )
    of_page(tmp_path, css, '<p class="column-3">x')
    of_button, of_titles, of_number = (
        check_gallery(open_gallery(tmp_path)).with_rules(["styles"]).found
    )
    assert (of_button.severity, of_button.fix) == ("warning", "Did you mean .button?")
    for one in (of_titles, of_number):
        assert (one.severity, one.fix) == ("note", "Correct the selector, or delete the rule.")


def test_the_selectors_of_mjml_are_matched_with_what_it_writes(tmp_path: Path) -> None:
    mjml = """<mjml lang="en"><mj-head><mj-title>News</mj-title>
<mj-attributes><mj-class name="foot" color="#111111" /></mj-attributes>
<mj-style>
.wide td, .wide-outlook { color: #111111 }
.foot { color: #111111 }
</mj-style>
<mj-style inline="inline">
.inlined { color: #111111 }
.lost { color: #111111 }
</mj-style></mj-head>
<mj-body><mj-section css-class="wide"><mj-column>
<mj-text mj-class="foot"><h1 class="inlined">News</h1></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
    written(tmp_path, {"news.txt": "The boat is here.", "news.mjml": mjml})
    assert unused(tmp_path) == {".foot": "news.mjml:5:1", ".lost": "news.mjml:9:1"}


def test_a_shared_stylesheet_is_judged_with_all_its_mails(tmp_path: Path) -> None:
    css = ".boats { color: #111 }\n.ships { color: #111 }\n.quays { color: #111 }"
    files = {
        "_layout/base.html": PAGE.replace("{css}", css).replace(
            "{more}", "{% block more %}{% endblock %}"
        )
    }
    for name in ("boats", "ships"):
        body = (
            f'{{% extends "_layout/base.html" %}}{{% block more %}}<p class="{name}">x</p>{{% '
            f"endblock %}}"
        )
        files |= {f"{name}.html": body, f"{name}.txt": "The boat is here."}
    written(tmp_path, files)
    assert unused(tmp_path) == {".quays": "_layout/base.html:4:1"}
    (found,) = check_gallery(open_gallery(tmp_path)).with_rules(["styles"]).found
    assert found.templates == ("boats", "ships")
    assert unused(tmp_path, only=("boats",)) == {}
