"""What a reviewer is shown of two texts."""

import pytest

from keyturn.studio.snapshots.difference import Difference, Line, difference


def shown(diff: Difference) -> list[str]:
    """Return the changed lines as `-old` and `+new`, the changed words in brackets."""
    signs = {"old": "-", "new": "+", "same": " "}
    return [signs[line.kind] + _marked(line) for line in diff.lines if line.kind != "same"]


def _marked(line: Line) -> str:
    return "".join(f"[{piece.text}]" if piece.changed else piece.text for piece in line.pieces)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (
            '<p is="#14614b">Ada',
            '<p is="#6fd3ae">Ada',
            ['-<p is="#[14614b]">Ada', '+<p is="#[6fd3ae]">Ada'],
        ),
        (
            "On Friday evening in Leeds",
            "On Monday morning in Leeds",
            ["-On [Friday evening] in Leeds", "+On [Monday morning] in Leeds"],
        ),
        ("<p>Once</p>", "<hr>\n<p>Twice</p>", ["-<p>Once</p>", "+<hr>", "+<p>Twice</p>"]),
        (
            "<td blue>\n<a blue>\n<b>",
            "<td green>\n<a green>\n<b>",
            ["-<td [blue]>", "+<td [green]>", "-<a [blue]>", "+<a [green]>"],
        ),
    ],
    ids=[
        "words of a line",
        "from the first changed word to the last",
        "a block with more lines",
        "line under line",
    ],
)
def test_what_changed_is_shown(before: str, after: str, changes: list[str]) -> None:
    assert shown(difference(before, after)) == changes


def test_a_long_text_that_changed_everywhere_is_told_line_by_line() -> None:
    before = "\n".join(f"<td>{number}</td>" for number in range(2000))
    diff = difference(before, before.replace("td", "th"))
    assert (diff.removed, diff.added) == (2000, 2000)
