"""The Containerfile and deploy/compose, under bwrap; with podman as well if `KEYTURN_IMAGE` names
an image.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import yaml
from tests.commands.command import ADA, PASSWORD
from tests.driver.inbox import TOKEN
from tests.processes.deploy.containers import COMPOSE, Machine, parse_command, read_services
from tests.processes.deploy.containers import variables_of_the_image as of_the_image
from tests.processes.deploy.proxies import replaced, wait_until_it_listens
from tests.processes.deploy.sandbox import CHECKOUT, UNKNOWN_USER, child_of
from tests.servers.postgresql_with_tls import TlsServer
from tests.servers.processes import Running, output_of, run, running_program
from tests.servers.serving import held_ports

from keyturn.service.settings import LONGEST_TRY
from keyturn.service.settings.reading import inspect_settings

pytestmark = pytest.mark.long

SERVICES = read_services()
OURS = {name: service for name, service in SERVICES.items() if name != "database"}
API, NEW = "/api/auth", "eleven loud lighthouses"
TOKEN_OF_INBOX = "0123456789abcdef0123456789abcdef"
OWN_URL = "postgresql://keyturn:${POSTGRES_PASSWORD}@database/keyturn"
CHEAP = {"KEYTURN_HASHING_COST": "10"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_and_any_other_user_could(name: str) -> None:
    service = OURS[name]
    parse_command(service["command"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"]) > 0
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    # Compose waits longer than a worker takes to stop.
    assert (
        name != "worker"
        or int(service["stop_grace_period"].removesuffix("s")) > LONGEST_TRY.total_seconds() + 10
    )


def test_a_service_has_every_secret_that_it_reads_and_a_file_for_it() -> None:
    whole = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))
    assert {name for service in SERVICES.values() for name in service["secrets"]} == set(
        whole["secrets"]
    )
    environment = dict.fromkeys(OURS["api"]["secrets"], "x" * 32) | {"PAGES_PORT": "8000"}
    assert inspect_settings(COMPOSE / "keyturn.toml", environment).faults == ()


def test_the_image_runs_as_a_user_that_is_not_root_and_asks_its_own_health() -> None:
    last = (CHECKOUT / "Containerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    (user,) = re.findall(r"(?m)^USER (\d+)", last)
    (check,) = re.findall(r'(?m)^HEALTHCHECK .*CMD \["keyturn", (.+)\]$', last)
    assert int(user) > 0
    parse_command(yaml.safe_load(f"[{check}]"))
    assert re.findall(r"(?m)^CMD (.+)$", last) == ['["serve"]']
    assert of_the_image()["KEYTURN_SERVER_HOST"] == "0.0.0.0"  # noqa: S104 - a container's own addresses


def test_the_image_is_built_of_a_part_of_the_source_archive() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    sdist = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    kept = {
        line[1:]
        for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert kept == {*sdist, "pyproject.toml"} - {"Containerfile", ".dockerignore", "deploy"}


class Site:
    """The services of compose.yaml on this machine, where they share its ports, with a database at
    this address.
    """

    def __init__(self, machine: Machine, stack: ExitStack, url: str) -> None:
        self._machine, self._stack = machine, stack
        self.api, self.worker, self.pages, smtp = stack.enter_context(held_ports(4))
        self._ports = {"8000": str(self.worker), "8001": str(self.pages), "1025": str(smtp)}
        self._ports["0.0.0.0"] = "127.0.0.1"  # noqa: S104 - a container's own addresses
        self._place = {
            "KEYTURN_SERVER_PORT": str(self.api),
            "KEYTURN_SERVER_HOST": "127.0.0.1",
            **CHEAP,
        }
        text = replaced(
            COMPOSE / "keyturn.toml",
            ("http://127.0.0.1:${PAGES_PORT}", f"http://127.0.0.1:{self.api}"),
            *((OWN_URL, url), ('"inbox"', '"127.0.0.1"'), ("1025", str(smtp))),
        )
        machine.settings.write_text(text, "utf-8")

    def words(self, service: str, *command: str) -> list[str]:
        given = command or [self._ports.get(word, word) for word in OURS[service]["command"]]
        return self._machine.words(OURS[service], given, **self._place)

    def start(self, service: str) -> Running:
        return self._stack.enter_context(running_program(self.words(service), None))

    def process_id(self, running: Running) -> int:
        """Return the process that a stop of the container signals: Keyturn's, or podman's, which
        passes signals on.
        """
        return running.process.pid if self._machine.image else child_of(running.process.pid)

    def stop(self, running: Running) -> int:
        os.kill(self.process_id(running), signal.SIGTERM)
        return running.process.wait(60)

    def do(
        self, service: str, *command: str, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        return run(self.words(service, *command), None, stdin)


def machine_in(folder: Path, program: Sequence[str], image: str = "") -> Machine:
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in ("KEYTURN_SECRET_KEY", "POSTGRES_PASSWORD", "KEYTURN_STUDIO_TOKEN"):
        (secrets / name).write_text(f"{TOKEN_OF_INBOX}\n", "utf-8")
    return Machine(program=program, settings=folder / "keyturn.toml", secrets=secrets, image=image)


@pytest.fixture
def site(bwrap: str, postgresql_with_tls: TlsServer, tmp_path: Path) -> Iterator[Site]:
    postgresql_with_tls.create("compose")
    with ExitStack() as stack:
        yield Site(
            machine_in(tmp_path, [bwrap]),
            stack,
            postgresql_with_tls.address("127.0.0.1", "compose"),
        )


@pytest.fixture
def images(tmp_path: Path) -> Machine:
    image = os.environ.get("KEYTURN_IMAGE", "")
    if not (image and os.environ.get("POSTGRES_IMAGE")):
        pytest.skip(
            "KEYTURN_IMAGE and POSTGRES_IMAGE name no images: docs/deploying.md says how to build "
            "one"
        )
    return machine_in(tmp_path, shlex.split(os.environ.get("KEYTURN_PODMAN", "podman")), image)


@pytest.fixture
def site_of_images(images: Machine) -> Iterator[Site]:
    with ExitStack() as stack:
        (port,) = stack.enter_context(held_ports(1))
        words = images.database_words(os.environ["POSTGRES_IMAGE"], port)
        running = stack.enter_context(running_program(words, None))
        wait_until_it_listens(
            running, port
        )  # not the server that makes the database: it has only a Unix socket
        yield Site(images, stack, OWN_URL.replace("@database/", f"@127.0.0.1:{port}/"))


def test_a_user_resets_a_password_with_the_services_of_compose(site: Site) -> None:
    live_the_story(site)


def test_a_user_resets_a_password_with_the_images(site_of_images: Site) -> None:
    live_the_story(site_of_images)


def test_the_image_can_import_what_it_needs_has_all_bytecode_and_can_write_nothing(
    images: Machine,
) -> None:
    assert output_of(images.python_words(PROBE)) == f"{UNKNOWN_USER}\n"


PROBE = """
import os, pathlib, sys, zoneinfo
import aiomysql, aiosmtpd, aiosmtplib, altcha, asyncpg, opentelemetry.sdk.trace
import pygments, watchfiles, yaml
import keyturn.service.app, keyturn.studio.web.app, polyfactory.factories.msgspec_factory
zoneinfo.ZoneInfo("Europe/Berlin")
for module in list(sys.modules.values()):
    cached = getattr(module, "__cached__", None)
    if cached and pathlib.Path(module.__file__).exists():
        assert pathlib.Path(cached).exists(), module
for folder in ("/", "/etc", "/opt/keyturn", "/var/lib/keyturn"):
    try:
        pathlib.Path(folder, "new").touch()
    except OSError:
        continue
    raise AssertionError(folder)
print(os.getuid())
"""
"""Polyfactory makes a Faker, which needs the countries that the image keeps."""


def live_the_story(site: Site) -> None:
    assert "run `keyturn migrate`" in site.do("api").stderr
    migrated = site.do("migrate")
    assert migrated.returncode == 0, migrated.stderr
    added = site.do("api", "accounts", "add", ADA, "--password-stdin", stdin=PASSWORD)
    assert added.returncode == 0, added.stderr
    api, worker, inbox = (site.start(name) for name in ("api", "worker", "inbox"))
    api.wait_for("Keyturn answers on ")
    worker.wait_for("/health/ready")
    wait_until_it_listens(inbox, site.pages)

    url, pages = f"http://127.0.0.1:{site.api}", f"http://127.0.0.1:{site.pages}/api/message/latest"
    assert (
        httpx2.post(
            f"{url}{API}/request-password-reset", json={"email": ADA}, timeout=30
        ).status_code
        == 202
    )
    bearer = {"authorization": f"Bearer {TOKEN_OF_INBOX}"}
    mail = httpx2.get(pages, params={"to": ADA, "wait": "30s"}, headers=bearer, timeout=60)
    assert mail.status_code == 200, mail.text
    (token,) = set(TOKEN.findall(" ".join(mail.json()["Links"])))
    for path, body in (
        ("reset-password", {"token": token, "newPassword": NEW}),
        ("login", {"email": ADA, "password": NEW}),
    ):
        assert httpx2.post(f"{url}{API}/{path}", json=body, timeout=30).status_code == 200

    assert site.do("api", "health").stdout == f"Keyturn on http://127.0.0.1:{site.api} is ready.\n"
    of_worker = ("worker", "health", "--port", str(site.worker))
    assert site.do(*of_worker).returncode == 0
    assert site.stop(worker) == 0
    assert site.do(*of_worker).returncode == 1
    half = json.dumps({"email": ADA}).encode()
    head = (
        f"POST {API}/request-password-reset HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.api), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {len(half)}\r\n\r\n".encode() + half[:5])
        assert (
            httpx2.get(f"{url}/health/live", timeout=30).status_code == 200
        )  # by now it has the first half
        os.kill(site.process_id(api), signal.SIGTERM)
        connection.sendall(half[5:])
        assert connection.recv(1000).split()[1] == b"202", "it stops once a request has its answer"
    assert (api.process.wait(60), site.stop(inbox)) == (0, 0)
    assert site.do("api", "health").returncode == 1
    assert not [
        line
        for line in (*api.said, *worker.said)
        if '"level":"error"' in line or "Traceback" in line
    ]
