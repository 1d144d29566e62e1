"""The rules of the rooms, the parts of the tests, and the page that is made of their names."""

import pytest
from tests.house.promises import PAGE, page
from tests.house.weight import CHECKOUT, files_of, pyproject, users_of, weight

ROOMS, WEIGHT = pyproject()["rooms"], pyproject()["weight"]
PARTS = {"spec", "contracts", "functions", "studio", "commands", "browser", "processes", "worlds"}
"""A new test belongs into one of them."""


@pytest.mark.parametrize("room", ROOMS)
def test_few_files_outside_a_room_know_it(room: str) -> None:
    """They import it or read its settings, and are never more than pyproject.toml says."""
    users, at_most = users_of(ROOMS[room]), ROOMS[room]["at_most"]

    assert len(users) <= at_most, f"{room} is used by {users}"
    assert len(users) > at_most - 2, f"only {len(users)} files use {room}: lower its number in pyproject.toml"


@pytest.mark.parametrize("room", WEIGHT)
def test_a_room_weighs_at_most_its_numbers_and_hardly_less(room: str) -> None:
    """The ratchet: the numbers follow what a room loses."""
    for now, most in zip(weight(room), WEIGHT[room], strict=True):
        assert now <= most, f"{room} has grown"
        assert most <= now * 21 / 20 + 2, f"{room} weighs less: run `just weight --lower`"


@pytest.mark.parametrize("folder", ["src/keyturn", "tests"])
def test_each_file_of_python_lies_in_one_room(folder: str) -> None:
    rooms = [file for room in WEIGHT if room.startswith(folder) for file in files_of(room, ".py")]

    assert sorted(rooms) == sorted(files_of(folder, ".py"))


def test_every_test_is_in_a_part() -> None:
    folders = {file.relative_to(CHECKOUT / "tests").parts[0] for file in files_of("tests/*/**")}
    assert folders == PARTS | {"driver", "servers", "house"}
    assert not files_of("tests/test_*.py")


def test_the_page_of_promises_is_made_of_the_tests() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `just reference`"
