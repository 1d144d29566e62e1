"""What screen readers, small screens and tired eyes need; and what is already good and left alone."""

from pathlib import Path

import pytest
from tests.emails.lint.planting import Mails

from keyturn.studio.lint.checks.accessibility import check_accessibility
from keyturn.studio.lint.checks.parts import CLIPPED_AT, STYLE_DROPPED_AT, check_sizes, size_of
from keyturn.studio.lint.checks.selectors import check_selectors

LETTER = """<mjml lang="en"><mj-head><mj-title>Hello</mj-title>{head}</mj-head><mj-body><mj-section><mj-column>
{body}</mj-column></mj-section></mj-body></mjml>"""


def found(tmp_path: Path, body: str, head: str = "") -> dict[str, int]:
    """Return the rules with the line of each."""
    mails = Mails(tmp_path)
    mails.write("letter/letter.mjml", LETTER.replace("{body}", body).replace("{head}", head))
    document = mails.read_values("letter", {"name": "Ada"})
    checks = (check_accessibility, check_selectors, check_sizes)
    return {one.rule: one.place.line for check in checks for one in check(document)}


@pytest.mark.parametrize(
    "body",
    [
        "<mj-text font-size='16px'><h1>Hello</h1><h2>Why</h2><h2>How</h2><h3>Where</h3></mj-text>",
        "<mj-text><h1>Hello</h1></mj-text><mj-image src='https://a.example/line.png' alt='' />",
        "<mj-text><h1>Hello</h1></mj-text><mj-table><tr><th>When</th><td>Now</td></tr></mj-table>",
        "<mj-text><h1>Hello</h1><table role='presentation'><tr><td>Hello</td></tr></table></mj-text>",
        "<mj-text><h1>Hello</h1><p style='font-size:13px;line-height:1'>Short</p></mj-text>",
        "<mj-text><h1>Hello</h1><p style='display:none;font-size:1px'>Not seen</p></mj-text>",
    ],
)
def test_what_is_good_is_left_alone(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, body) == {}


def test_a_size_is_of_what_is_sent() -> None:
    size = size_of("<style>ä</style><style>abc</style>é", "ñ")
    assert (size.html, size.style, size.text) == (37, 3, 2)


def test_a_mail_is_too_big_from_the_first_byte_over(tmp_path: Path) -> None:
    mails = Mails(tmp_path)
    mails.write("letter/letter.mjml", LETTER.replace("{head}", "").replace("{body}", "<mj-raw>{{ filling }}</mj-raw>"))
    empty = len(mails.read_values("letter", {"filling": ""}).html.encode())
    for length, rules in ((CLIPPED_AT - empty, []), (CLIPPED_AT - empty + 1, ["sizes/clipped"])):
        document = mails.read_values("letter", {"filling": "x" * length})
        assert [finding.rule for finding in check_sizes(document)] == rules


def test_styles_are_counted_block_by_block(tmp_path: Path) -> None:
    half = ".a { color: #111111 }" * (STYLE_DROPPED_AT // 40)
    body = "<mj-text><h1>Hello</h1></mj-text>"
    assert found(tmp_path, body, f"<mj-style>{half}</mj-style>") == {}
    assert "sizes/style-dropped" in found(tmp_path, body, f"<mj-style>{half}{half}</mj-style>")
