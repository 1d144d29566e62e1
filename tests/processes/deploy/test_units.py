"""The units of deploy/systemd: systemd-analyze accepts them, and their commands work within their
restrictions.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD
from tests.processes.adoption.story import NEW, Beside, reset_password
from tests.processes.deploy.proxies import replaced
from tests.processes.deploy.sandbox import NAMES, UNITS, Sandbox, Unit, stop
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import output_of, run, running_program
from tests.servers.serving import held_ports

from keyturn.service.settings import LONGEST_TRY

pytestmark = pytest.mark.long

PROGRAM = Path(sys.prefix) / "bin" / "keyturn"
API = "/api/auth"
OPEN = {
    *(
        "DeviceAllow",
        "IPAddressDeny",
        "PrivateMounts",
        "PrivateNetwork",
        "RootDirectoryOrRootImage",
    ),
    *(
        "RestrictAddressFamilies_AF_INET_INET6",
        "RestrictAddressFamilies_AF_UNIX",
        "SystemCallFilter_resources",
    ),
}
"""What systemd can take from a service, and Keyturn keeps: the network, the database's socket, and
a priority.
"""

Machine = Callable[..., Sandbox]


@pytest.fixture
def machine(bwrap: str, tmp_path: Path) -> Machine:
    """Return sandboxes of the hardened units that share one state directory."""
    state, settings = tmp_path / "state", tmp_path / "keyturn.toml"
    state.mkdir()
    settings.write_text('[mail]\nfrom = "Northwind School <no-reply@northwind.example>"\n', "utf-8")

    def sandbox(name: str, added: str = "", **more: str) -> Sandbox:
        unit, secrets = Unit(name, added), PRODUCTION | {"KEYTURN_HASHING_COST": "10"} | more
        folder = tmp_path / name
        return Sandbox(
            bwrap=bwrap, unit=unit, folder=folder, state=state, settings=settings, secrets=secrets
        )

    return sandbox


def prepare(sandbox: Sandbox) -> list[str]:
    """Do what systemd does before ExecStart, and add an account. Return ExecStart."""
    for command in sandbox.unit.all("ExecStartPre"):
        output_of(sandbox.words(command.split()))
    add = ["/opt/keyturn/bin/keyturn", "accounts", "add", ADA, "--password-stdin"]
    output_of(sandbox.words(add), None, PASSWORD)
    return sandbox.unit.one("ExecStart").split()


@pytest.mark.parametrize("hardened", [False, True], ids=["plain", "hardened"])
@pytest.mark.parametrize("name", NAMES)
def test_systemd_has_no_remark_on_a_unit_and_takes_from_a_hardened_one_all_that_it_can(
    systemd_analyze: str, name: str, hardened: bool, tmp_path: Path
) -> None:
    unit = tmp_path / name
    unit.write_text(replaced(UNITS / name, ("/opt/keyturn/bin/keyturn", str(PROGRAM))), "utf-8")
    if hardened:
        shutil.copytree(UNITS, tmp_path / f"{name}.d", ignore=shutil.ignore_patterns("*.service"))
    verified = run([systemd_analyze, "verify", str(unit)])
    of_the_unit = [line for line in verified.stderr.splitlines() if "keyturn" in line]
    assert [line for line in of_the_unit if "sysinit.target not found" not in line] == []
    if hardened:
        judged = output_of(
            [
                systemd_analyze,
                "security",
                "--offline=true",
                "--json=short",
                "--threshold=20",
                str(unit),
            ]
        )
        assert {one["json_field"] for one in json.loads(judged) if not one["set"]} <= OPEN
        # It waits longer than a process takes to stop.
        assert int(Unit(name).one("TimeoutStopSec")) > LONGEST_TRY.total_seconds() + 10


def test_a_user_resets_a_password_at_the_hardened_service_and_its_worker_sends_what_waits(
    machine: Machine,
) -> None:
    with held_ports(2) as (port, health):
        url = f"http://127.0.0.1:{port}"
        service, sender = (
            machine(name, KEYTURN_SERVER_PORT=str(port), KEYTURN_BASE_URL=url) for name in NAMES
        )
        command = prepare(service)
        with (
            running_program(service.words(command), None) as serve,
            httpx2.Client(base_url=url, timeout=30) as http,
        ):
            serve.wait_for("Keyturn answers on ")
            serve.wait_for("worker.started")
            assert http.get("/health/ready").status_code == 200
            reset_password(Beside(url, service.state, serve), ADA)
            assert (
                http.post(f"{API}/login", json={"email": ADA, "password": NEW}).status_code == 200
            )
            assert stop(serve) == 0
        assert not [
            line
            for line in serve.said
            if '"level":"error"' in line or "server.fewer_connections" in line
        ]

        output_of(service.words(["/opt/keyturn/bin/keyturn", "accounts", "reset", ADA]))
        (worker_command,) = sender.unit.all("ExecStart")
        assert "--port 9464" in worker_command
        with running_program(
            sender.words(worker_command.replace("9464", str(health)).split()), None
        ) as worker:
            worker.wait_for("/health/ready")
            worker.wait_for("mail.sent")
            assert (
                httpx2.get(f"http://127.0.0.1:{health}/health/ready", timeout=30).status_code == 200
            )
            assert stop(worker) == 0


def test_names_are_found_and_a_password_is_hashed_even_if_no_thread_may_change_its_priority(
    machine: Machine,
) -> None:
    lookup = ["/opt/keyturn/bin/python", "-c", "import socket; socket.getaddrinfo('localhost', 80)"]
    output_of(machine("keyturn.service").words(lookup))
    prepare(machine("keyturn.service", added="SystemCallFilter=~@resources"))
