"""What a reviewer is shown of two texts."""

from keyturn.emails.snapshots.difference import Difference, Line, difference


def shown(diff: Difference) -> list[str]:
    """Return the changed lines as `-old` and `+new`, the changed words in brackets."""
    signs = {"old": "-", "new": "+", "same": " "}
    return [signs[line.kind] + _marked(line) for line in diff.lines if line.kind != "same"]


def _marked(line: Line) -> str:
    return "".join(f"[{piece.text}]" if piece.changed else piece.text for piece in line.pieces)


def test_equal_texts_have_no_difference() -> None:
    diff = difference("one\ntwo\n", "one\ntwo\n")
    assert shown(diff) == []
    assert (diff.removed, diff.added, diff.edits) == (0, 0, frozenset())


def test_the_words_that_changed_in_a_line_are_marked() -> None:
    diff = difference('<p style="color:#14614b">Hello Ada</p>', '<p style="color:#6fd3ae">Hello Ada</p>')
    assert shown(diff) == ['-<p style="color:#[14614b]">Hello Ada</p>', '+<p style="color:#[6fd3ae]">Hello Ada</p>']


def test_what_changed_on_both_sides_of_a_blank_is_one_change() -> None:
    before, after = "We will see you on Friday evening in Leeds", "We will see you on Monday morning in Leeds"
    assert shown(difference(before, after)) == [
        "-We will see you on [Friday evening] in Leeds",
        "+We will see you on [Monday morning] in Leeds",
    ]


def test_lines_find_their_counterpart_past_a_new_one() -> None:
    diff = difference("<p>The link works once</p>", "<hr>\n<p>The link works twice</p>")
    assert shown(diff) == ["+<hr>", "-<p>The link works [once]</p>", "+<p>The link works [twice]</p>"]


def test_what_became_of_a_line_stands_right_under_it() -> None:
    before = '<td color="blue">\n<a color="blue">\n<b>'
    assert shown(difference(before, before.replace("blue", "green"))) == [
        '-<td color="[blue]">',
        '+<td color="[green]">',
        '-<a color="[blue]">',
        '+<a color="[green]">',
    ]


def test_far_from_any_change_lines_are_folded_and_three_stay_around_one() -> None:
    lines = [f"line {number}" for number in range(30)]
    diff = difference("\n".join(lines), "\n".join([*lines[:15], "something else", *lines[16:]]))
    assert [(len(run.lines), run.folded) for run in diff.runs()] == [(12, True), (8, False), (11, True)]


def test_the_same_edit_in_two_mails_is_recognised_whatever_stands_around_it() -> None:
    ada = difference("<p>Hello Ada, good to see you</p>", "<p>Welcome Ada, good to see you</p>")
    grace = difference("<p>Hello Grace, good to see you</p>\n<hr>", "<p>Welcome Grace, good to see you</p>\n<hr>")
    other = difference("<p>Hello Ada, good to see you</p>", "<p>Goodbye Ada, good to see you</p>")
    assert ada.edits == grace.edits != other.edits


def test_a_long_text_that_changed_everywhere_is_told_line_by_line() -> None:
    before = "\n".join(f"<td>{number}</td>" for number in range(2000))
    diff = difference(before, before.replace("td", "th"))
    assert (diff.removed, diff.added) == (2000, 2000)
