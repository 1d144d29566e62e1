"""Whatever users, operators, a provider and time do, in whatever order, the service does what the model says."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test
from tests.driver.store_faults import spoil
from tests.worlds.state_machines.ablations import FAULTS
from tests.worlds.state_machines.machine import Machine
from tests.worlds.state_machines.world import World, running_world


def drive(world: World, **options: Any) -> None:
    machine = type("MachineOfOneWorld", (Machine,), {"world": world, "runs": 0})
    run_state_machine_as_test(machine, settings=settings(**options))


@pytest.mark.hypothesis
@pytest.mark.timeout(900)  # a minute, unless a machine is busy
@pytest.mark.any_database
def test_the_service_does_what_the_model_says_in_any_order(database_url: str) -> None:
    with running_world(database_url) as world:
        drive(world)


SAMPLE = {
    "the guard of a link's update",
    "the same answer for an unknown address",
}
"""The safeguards that CI removes. `just nightly` removes all of them."""


@pytest.mark.long
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "safeguard", [pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.nightly) for name in FAULTS]
)
def test_the_machine_finds_a_counterexample(database_url: str, safeguard: str) -> None:
    """The machine can fail: it does, once a safeguard is gone."""
    spoil(Path(database_url.removeprefix("sqlite:///")), FAULTS[safeguard])
    with running_world(database_url) as world, pytest.raises((AssertionError, Flaky)):
        drive(world, max_examples=400, stateful_step_count=30, phases=[Phase.generate], report_multiple_bugs=False)
