"""The claims of docs/security.md, and the files that it names."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
TEXT = (CHECKOUT / "docs" / "security.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+(?:\.\d+){2}) \| (.+?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)


def test_each_row_of_asvs_is_answered_once_in_its_order() -> None:
    numbers = [tuple(map(int, number.split("."))) for number, *_ in ROWS]

    assert numbers == sorted(set(numbers))
    assert {number[0] for number in numbers} == {1, 2, 3, 4, 6, 7, 8, 11, 12, 13, 14, 15, 16}


def test_each_answer_is_one_that_can_be_counted_on() -> None:
    assert {answer for _, _, answer, _ in ROWS} <= {"met", "partly", "not yet", "your app's", "your platform's"}


def test_the_files_that_it_names_are_there() -> None:
    named = re.findall(r"`([\w/]+(?:\.py|\.js|/))`", TEXT)

    assert len(named) > 20
    package = CHECKOUT / "src" / "keyturn"
    assert [name for name in named if not any(package.rglob(name)) and not (CHECKOUT / name).exists()] == []
