"""The services of deploy/compose as Compose runs them: of the image with podman, or of this
checkout under bwrap.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml
from tests.processes.deploy.sandbox import CHECKOUT, DEPLOY, UNKNOWN_USER, isolated

from keyturn.cli import keyturn

COMPOSE = DEPLOY / "compose"


def read_services() -> dict[str, Any]:
    """Return the services of compose.yaml. Variables have their defaults."""
    text = (COMPOSE / "compose.yaml").read_text("utf-8")
    services: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))[
        "services"
    ]
    return services


def variables_of_the_image() -> dict[str, str]:
    """Return what `ENV` sets in the last stage of the Containerfile."""
    stage = (
        (CHECKOUT / "Containerfile").read_text("utf-8").rpartition("\nFROM ")[2].replace("\\\n", "")
    )
    (line,) = re.findall(r"(?m)^ENV (.+)$", stage)
    return dict(pair.split("=", 1) for pair in shlex.split(line))


def parse_command(words: Sequence[str]) -> None:
    """Parse the words of a container as click does. Raises UsageError."""
    found = keyturn.get_command(click.Context(keyturn), words[0])
    assert found
    found.make_context(words[0], list(words[1:]))


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where containers run. All share the network of this machine.

    `program`: bwrap, which runs the checkout, or podman, which runs `image`. `settings`:
    keyturn.toml. `secrets`: a folder with a file for each secret.
    """

    program: Sequence[str]
    settings: Path
    secrets: Path
    image: str = ""

    def words(self, service: Mapping[str, Any], command: Sequence[str], **more: str) -> list[str]:
        """Return the words that run `keyturn COMMAND` in a container of the service.

        `more`: further variables.
        """
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - a folder in the container
        variables = {**service["environment"], **more}
        mounts = {str(self.settings): "/etc/keyturn/keyturn.toml"}
        mounts |= {str(self.secrets / name): f"/run/secrets/{name}" for name in service["secrets"]}
        run = self._podman if self.image else self._bwrap
        return [*self.program, *run(variables, mounts), *command]

    def database_words(self, image: str, port: int) -> list[str]:
        """Return the words that run PostgreSQL as compose.yaml does, on a port of this machine,
        without a volume.
        """
        service = read_services()["database"]
        words = [
            *self.program,
            "run",
            "--rm",
            "--network",
            "host",
            "--cgroups=disabled",
            "--env",
            f"PGPORT={port}",
        ]
        words += [
            word
            for name, value in service["environment"].items()
            for word in ("--env", f"{name}={value}")
        ]
        mounted = [f"{self.secrets / name}:/run/secrets/{name}:ro" for name in service["secrets"]]
        words += [word for mount in mounted for word in ("--volume", mount)]
        return [*words, image, "-c", "listen_addresses=127.0.0.1"]

    def python_words(self, code: str) -> list[str]:
        *flags, image = self._podman({}, {})
        return [*self.program, *flags, "--entrypoint", "python", image, "-c", code]

    def _podman(self, variables: Mapping[str, str], mounts: Mapping[str, str]) -> Iterator[str]:
        yield from (
            "run",
            "--rm",
            "--interactive",
            "--network",
            "host",
            "--cgroups=disabled",
            "--user",
            UNKNOWN_USER,
        )
        yield from ("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp")  # noqa: S108
        yield from ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")
        for name, value in variables.items():
            yield from ("--env", f"{name}={value}")
        for here, there in mounts.items():
            yield from ("--volume", f"{here}:{there}:ro")
        yield self.image

    def _bwrap(self, variables: Mapping[str, str], mounts: Mapping[str, str]) -> Iterator[str]:
        # as in a container: no signal has a default action, and orphans become its children
        yield "--as-pid-1"
        yield from isolated(
            {**variables_of_the_image(), **variables}, mounts, "/var/lib/keyturn", None
        )
        yield from ("--", "/opt/keyturn/bin/keyturn")
