"""The room rule: few files outside a capability import it or read its settings, and never more than pyproject says."""

import pytest
from tests.house.weight import pyproject, users_of

ROOMS = pyproject()["rooms"]


@pytest.mark.parametrize("room", ROOMS)
def test_few_files_outside_a_room_know_it(room: str) -> None:
    users, at_most = users_of(ROOMS[room]), ROOMS[room]["at_most"]

    assert len(users) <= at_most, f"{room} is used by {users}"
    assert len(users) > at_most - 2, f"only {len(users)} files use {room}: lower its number in pyproject.toml"
