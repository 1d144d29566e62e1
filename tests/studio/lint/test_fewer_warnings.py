"""Choices of many designers are notes."""

from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check

PAGE = """<html lang="en"><head><title>News</title></head><body>
<h1>News of the harbour</h1>
<p style="font-size:16px;color:#222222">{text}</p>
{more}
</body></html>"""


def severities(folder: Path, more: str, group: str = "") -> list[tuple[str, str]]:
    (folder / "news.html").write_text(PAGE.replace("{more}", more).replace("{text}", "The boat is here. " * 9))
    (folder / "news.txt").write_text("The boat is here.")
    return [(one.rule, one.severity) for one in check(open_gallery(folder)).with_rules([group] if group else []).found]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('<p style="color:#999999;font-size:12px">Harbour Road 1</p>', "note"),
        ('<div class="footer"><p style="color:#999999">Harbour Road 1</p></div>', "note"),
        ('<p style="color:#94a3b8;font-size:12px">Harbour Road 1</p>', "note"),
        ('<p style="color:#999999">Harbour Road 1</p>', "warning"),
        ('<p style="color:#c0c0c0;font-size:12px">Harbour Road 1</p>', "warning"),
        ('<p style="color:#ff6633;font-size:12px">Harbour Road 1</p>', "warning"),
        ('<p style="color:#eeeeee;font-size:12px">Harbour Road 1</p>', "error"),
    ],
)
def test_grey_small_print_that_can_be_read_is_a_note(tmp_path: Path, text: str, severity: str) -> None:
    assert severities(tmp_path, text, "contrast/light") == [("contrast/light", severity)]


@pytest.mark.parametrize(
    ("style", "severity"),
    [
        ("box-shadow:0 1px 2px rgba(0,0,0,.2)", "note"),
        ("background-color:rgba(0,0,0,.2)", "warning"),
        ("border-spacing:0", "note"),
        ("border-spacing:9px", "warning"),
        ("box-sizing:border-box", "note"),
    ],
)
def test_what_hardly_shows_where_a_client_lacks_it_is_a_note(tmp_path: Path, style: str, severity: str) -> None:
    found = severities(tmp_path, f'<table role="none" style="{style}"><tr><td>x</td></tr></table>')

    names = {"background-color": "rgba", "box-shadow": "rgba"}
    name = names.get(style.partition(":")[0], style.partition(":")[0])
    assert (f"compatibility/css-{name}", severity) in found
