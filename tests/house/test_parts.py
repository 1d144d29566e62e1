"""The tests have eight parts, and what these share: a new test belongs into one of them."""

from tests.house.weight import CHECKOUT, files_of

PARTS = {"spec", "contracts", "functions", "studio", "commands", "browser", "processes", "worlds"}


def test_every_test_is_in_a_part() -> None:
    folders = {file.relative_to(CHECKOUT / "tests").parts[0] for file in files_of("tests/*/**")}
    assert folders == PARTS | {"driver", "servers", "house"}
    assert not files_of("tests/test_*.py")
