"""The ratchet: each room weighs at most what pyproject.toml says, and the numbers follow what it loses."""

import pytest
from tests.house.weight import files_of, pyproject, too_generous, weight

WEIGHT = pyproject()["weight"]


@pytest.mark.parametrize("room", WEIGHT)
def test_a_room_weighs_at_most_its_numbers_and_hardly_less(room: str) -> None:
    today = weight(room)

    assert all(now <= most for now, most in zip(today, WEIGHT[room], strict=True)), f"{room} has grown to {today}"
    assert not any(map(too_generous, WEIGHT[room], today)), f"{room} weighs {today}: run `just weight --lower`"


@pytest.mark.parametrize("folder", ["src/keyturn", "tests"])
def test_each_file_of_python_lies_in_one_room(folder: str) -> None:
    rooms = [file for room in WEIGHT if room.startswith(folder) for file in files_of(room)]

    assert sorted(file for file in rooms if file.suffix == ".py") == sorted(
        file for file in files_of(folder) if file.suffix == ".py"
    )
