"""The parts of the tests, and the page that is made of their names."""

from tests.house.checkout import CHECKOUT, files_of
from tests.house.promises import PAGE, page

PARTS = {"spec", "contracts", "functions", "studio", "commands", "browser", "processes", "worlds"}
"""A new test belongs into one of them."""


def test_every_test_is_in_a_part() -> None:
    folders = {file.relative_to(CHECKOUT / "tests").parts[0] for file in files_of("tests/*/**")}
    assert folders == PARTS | {"driver", "servers", "house"}
    assert not files_of("tests/test_*.py")


def test_the_page_of_promises_is_made_of_the_tests() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `just reference`"
