"""A unit's command under bwrap, which has the unit's restrictions, because no systemd runs where tests run."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from tests.processes.deploy.system_calls import write_filters
from tests.processes.deploy.units import Unit
from tests.servers.processes import Running

CHECKOUT = Path(__file__).parents[3]
_UNKNOWN_USER = "61234"
_FIRST_FILE = 4
"""Number of the first open file that holds a filter. File 3 gets the number of the process."""


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as a unit's process sees it.

    `folder`: a folder for the test's own files. `settings`: keyturn.toml. `secrets`: the variables of EnvironmentFile.
    """

    bwrap: str
    unit: Unit
    folder: Path
    state: Path
    settings: Path
    secrets: Mapping[str, str]

    def words(self, command: Sequence[str]) -> list[str]:
        """Return the words that run a command within the unit's restrictions.

        The shell opens the filters, and lowers the limit of open files to the 1024 that systemd starts a service with.
        """
        self.folder.mkdir(exist_ok=True)
        filters = list(enumerate(write_filters(self.unit, self.folder), _FIRST_FILE))
        opened = " ".join(f"{number}<{shlex.quote(str(file))}" for number, file in filters)
        script = f'ulimit -S -n 1024; exec 3>{shlex.quote(str(self.process_file))} {opened}; exec "$@"'
        seccomp = [word for number, _ in filters for word in ("--add-seccomp-fd", str(number))]
        return ["sh", "-c", script, "sh", self.bwrap, *self._restrictions(), *seccomp, "--", *command]

    @property
    def process_file(self) -> Path:
        return self.folder / "process.json"

    def process_id(self) -> int:
        """Return the number of the command's process, which is the child of the sandbox's first process."""
        first = json.loads(self.process_file.read_text("ascii"))["child-pid"]
        (child,) = Path(f"/proc/{first}/task/{first}/children").read_text("ascii").split()
        return int(child)

    def _restrictions(self) -> Iterator[str]:
        unit = self.unit
        yield from ("--info-fd", "3", "--die-with-parent", "--new-session", "--unshare-all", "--share-net")
        yield from ("--uid", _UNKNOWN_USER, "--gid", _UNKNOWN_USER, "--cap-drop", "ALL")
        assert unit.one("ProtectSystem") == "strict"
        assert unit.all("CapabilityBoundingSet") == []
        assert unit.has("PrivateTmp")
        assert unit.has("PrivateDevices")
        yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp")  # noqa: S108 - names of folders in the sandbox
        homes = [home for home in ("/home", "/root", "/run/user") if Path(home).is_dir() and unit.has("ProtectHome")]
        for home in homes:
            yield from ("--tmpfs", home)
        # What an operator installs: the program, the settings, the state. Python and the checkout may be below /home.
        for place in (Path(sys.base_prefix), CHECKOUT):
            yield from ("--ro-bind", str(place), str(place))
        for home in homes:
            yield from ("--remount-ro", home)
        yield from program_and_settings()
        yield from ("--ro-bind", str(self.settings), "/etc/keyturn/keyturn.toml", "--remount-ro", "/etc")
        state = f"/var/lib/{unit.one('StateDirectory')}"
        yield from ("--tmpfs", "/var/lib", "--bind", str(self.state), state, "--remount-ro", "/var/lib")
        yield from ("--chdir", unit.one("WorkingDirectory").replace("%S", "/var/lib"), "--clearenv")
        variables = dict(line.split("=", 1) for line in unit.all("Environment"))
        for name, value in {"PATH": os.defpath, "LANG": "C.UTF-8", **variables, **self.secrets}.items():
            yield from ("--setenv", name, value)


def program_and_settings() -> Iterator[str]:
    """Yield the options by which bwrap shows the program in /opt, and an /etc that can be added to."""
    yield from ("--tmpfs", "/opt", "--ro-bind", sys.prefix, "/opt/keyturn", "--remount-ro", "/opt")
    yield from ("--tmpfs", "/etc")
    for entry in sorted(Path("/etc").iterdir()):
        if entry.exists():
            yield from ("--ro-bind", str(entry), str(entry))


def stop(sandbox: Sandbox, running: Running) -> int:
    """Stop the command as systemd does, with SIGTERM to its main process, and return its exit code."""
    os.kill(sandbox.process_id(), signal.SIGTERM)
    return running.process.wait(30)
