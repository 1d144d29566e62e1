"""What a browser finds in the mails of a folder, each at the line that wrote it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import IS_ROOT, require_program

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.browser import chromium as driving
from keyturn.studio.lint.browser.chromium import Chromium, NotMeasured, look_at_mails, running_chromium
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding

pytestmark = pytest.mark.browser

PAGE = """\
<!doctype html>
<html lang="en"><head><title>Hello</title></head>
<body style="margin:0;font:16px/20px sans-serif">
{}
</body></html>
"""
WRONG = {
    "overflow": (
        ('<div style="padding:10px"><table role="presentation" cellpadding="0" cellspacing="0"><tr><td>\n'
        '<p>A line</p>\n<img src="a.png" width="500" height="40" alt="A wide banner">\n</td></tr></table></div>'),
        6, "wider than the screen", (320, 375),
    ),
    "text-cut-off": (
        ('<p>A line</p>\n<div style="height:20px;overflow:hidden">\n'
        '<p style="margin:0">One line is seen.<br>And another is not.</p></div>'),
        6, "“And another is not.” is cut off by the box of mail.html:5", (320, 375, 600),
    ),
    "overlap": (
        '<p style="margin:0">The price of it</p>\n<p style="margin:-18px 0 0">The name of it</p>',
        5, "“The name of it” covers “The price of it” (mail.html:4)", (320, 375, 600),
    ),
    "overlap in a text": (
        '<h1 style="font-size:56px;line-height:24px;margin:0;width:200px">Two lines</h1>',
        4, "The lines of “Two lines” overlap", (320, 375, 600),
    ),
    "narrow-column": (
        ('<p>A line</p>\n<table role="presentation" width="150"><tr><td width="110">x</td>\n'
        '<td style="word-break:break-word">A lamp made of brass</td></tr></table>'),
        6, "“A lamp made of brass” is in a column", (320, 375, 600),
    ),
    "small-target": (
        ('<p>A line</p>\n<a href="https://a.example/1" style="display:block;font-size:8px;line-height:9px">One</a>\n'
        '<a href="https://a.example/2" style="display:block;font-size:8px;line-height:9px">Two</a>'),
        5, "“One” is too small to tap", None,
    ),
    "oversized-image": (
        ('<p>A line</p>\n<img width="100" height="50" alt="A tree" '
        """src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='2000' height='1000'/%3E">"""),
        5, "This image file is 2000 px wide", (320, 375, 600),
    ),
    "image-shifts": (
        '<p>A line</p>\n<img src="a.png" width="100" alt="A tree">',
        5, "moves when the image has loaded", None,
    ),
}  # fmt: skip
PLANTED = {
    *(f"browser/{kind.partition(' ')[0]}" for kind in WRONG),
    "browser/not-measured",
}
RIGHT = """\
<div style="display:none;max-height:0;overflow:hidden">Read this first, it is hidden on purpose.</div>
<div style="max-height:0;overflow:hidden;opacity:0">And so is this one.</div>
<h1 style="font-size:28px;line-height:28px;margin:0">A heading that breaks in tight lines on any phone</h1>
<p>Write to <a href="mailto:help@a.example">us</a>, or see <a href="https://a.example">our page</a> for more.</p>
<p style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:90px">A long name that ends in dots</p>
<div style="overflow:hidden;border-radius:8px"><p style="overflow-wrap:anywhere">https://a.example/{}</p></div>
<table width="100%"><tr><td style="padding:12px"><a href="https://a.example/b">Open it</a></td></tr></table>
<img src="a.png" width="40" height="20" alt="A tree">
""".format("x" * 200)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    require_program("chromium", "chromium")
    with running_chromium(sandboxed=not IS_ROOT) as chromium:
        yield chromium


def look(folder: Path, body: str, chromium: Chromium, **other: str) -> list[Finding]:
    for name, text in {"mail.html": PAGE.format(body), **other}.items():
        (folder / name).write_text(text)
    return list(look_at_mails(open_gallery(folder), chromium))


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.long
def test_what_is_wrong_is_found_once_at_its_line_with_its_widths(kind: str, tmp_path: Path, chromium: Chromium) -> None:
    body, line, says, widths = WRONG[kind]
    finding, *others = look(tmp_path, body, chromium)
    assert [one.rule for one in others] == ["browser/small-target"] * (kind == "small-target")  # each of the two
    assert (finding.rule, finding.place.line) == (f"browser/{kind.partition(' ')[0]}", line)
    assert says in finding.message
    assert widths is None or finding.widths == widths


def test_what_a_mail_hides_or_sets_tightly_is_no_finding(tmp_path: Path, chromium: Chromium) -> None:
    assert look(tmp_path, RIGHT, chromium) == []


def test_a_finding_in_mjml_has_the_line_of_its_element(tmp_path: Path, chromium: Chromium) -> None:
    mjml = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>Hello</mj-text>
  <mj-table width="700px"><tr><td style="min-width:690px">A wide cell</td></tr></mj-table>
</mj-column></mj-section></mj-body></mjml>
"""
    (tmp_path / "wide.mjml").write_text(mjml)
    found = [one for one in look_at_mails(open_gallery(tmp_path), chromium) if one.rule == "browser/overflow"]
    assert [(one.place.file, one.place.line) for one in found] == [("wide.mjml", 3)]


def test_a_mail_runs_no_script(tmp_path: Path, chromium: Chromium) -> None:
    script = "document.body.innerHTML = '<p style=margin-left:900px;width:300px>Wide</p>'"
    body = (
        f'<script>{script}</script><img src="http://127.0.0.1:9/a.png" width="9" height="9" alt="" onerror="{script}">'
    )
    assert look(tmp_path, body, chromium) == []


def test_a_mail_that_asks_for_an_image_or_to_connect_early_reaches_nobody(tmp_path: Path, chromium: Chromium) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        at = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        hint = f'<link rel="preconnect" href="{at}">'
        look(tmp_path, f"{hint}<iframe srcdoc='{hint}'></iframe><img src='{at}/open.gif' alt=''><p>Hello</p>", chromium)
        elsewhere.settimeout(0.5)  # seconds in which a connection would have come
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_findings_of_a_browser_are_ignored_and_judged_as_others_are(tmp_path: Path, chromium: Chromium) -> None:
    body, *_ = WRONG["overlap"]
    ignored = "{# keyturn: ignore-file browser/overlap because it is meant so #}"
    found = look(tmp_path, ignored + body, chromium)
    examination = check(open_gallery(tmp_path), (), beside=found)
    assert (len(found), examination.found, len(examination.ignored)) == (1, (), 1)


def test_a_mail_that_takes_too_long_is_a_finding_and_the_next_one_is_measured(
    tmp_path: Path, chromium: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "_MAIL_MS", 1)
    chromium._leave_page()
    with pytest.raises(NotMeasured):
        chromium.measure(PAGE.format("<p>Hello</p>"))
    [finding] = look(tmp_path, "<p>Hello</p>", chromium)
    assert finding.rule == "browser/not-measured"
    monkeypatch.undo()
    monkeypatch.setattr(driving, "_LONGEST", 20)
    with pytest.raises(NotMeasured):
        chromium.measure(PAGE.format("<p>Hello</p>"))
    monkeypatch.undo()
    chromium._leave_page()
    assert look(tmp_path, "<p>Hello</p>", chromium) == []


@pytest.mark.long
def test_our_own_example_keeps_its_columns_wide_enough_for_words(chromium: Chromium) -> None:
    example = Path(__file__).parents[4] / "examples" / "shop-mails"

    assert "browser/narrow-column" not in {one.rule for one in look_at_mails(open_gallery(example), chromium)}
