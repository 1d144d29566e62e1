"""The ratchet: each room weighs at most what pyproject.toml says, and the numbers follow what it loses."""

import pytest
from tests.house.weight import files_of, pyproject, weight

WEIGHT = pyproject()["weight"]


@pytest.mark.parametrize("room", WEIGHT)
def test_a_room_weighs_at_most_its_numbers_and_hardly_less(room: str) -> None:
    for now, most in zip(weight(room), WEIGHT[room], strict=True):
        assert now <= most, f"{room} has grown"
        assert most <= now * 21 / 20 + 2, f"{room} weighs less: run `just weight --lower`"


@pytest.mark.parametrize("folder", ["src/keyturn", "tests"])
def test_each_file_of_python_lies_in_one_room(folder: str) -> None:
    rooms = [file for room in WEIGHT if room.startswith(folder) for file in files_of(room, ".py")]

    assert sorted(rooms) == sorted(files_of(folder, ".py"))
