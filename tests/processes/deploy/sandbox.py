"""Commands under bwrap, restricted as in a unit or a container, because no systemd runs where tests run."""

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
UNKNOWN_USER = "54321"
_FIRST_FILE = 3
"""Number of the first open file that holds a filter."""


def isolated(variables: Mapping[str, str], mounts: Mapping[str, str], folder: str, state: Path | None) -> Iterator[str]:
    """Yield bwrap's options for a command of `/opt/keyturn` by an unknown user without capabilities.

    The root is read-only, homes and /tmp are empty. `mounts`: files to read, with their places. `folder`: where it
    works, which is read-only unless `state` is behind it.
    """
    yield from ("--die-with-parent", "--new-session", "--unshare-all", "--share-net", "--cap-drop", "ALL")
    yield from ("--uid", UNKNOWN_USER, "--gid", UNKNOWN_USER, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
    homes = [home for home in ("/home", "/root") if Path(home).is_dir()]
    for empty in ("/tmp", "/var/tmp", "/run", "/var/lib", *homes):  # noqa: S108 - in the sandbox
        yield from ("--tmpfs", empty)
    # What an operator installs: the program, the settings, the state. Python and the checkout may be below /home.
    for place in (Path(sys.base_prefix), CHECKOUT):
        yield from ("--ro-bind", str(place), str(place))
    yield from ("--tmpfs", "/opt", "--ro-bind", sys.prefix, "/opt/keyturn", "--tmpfs", "/etc")
    for entry in sorted(Path("/etc").iterdir()):
        if entry.exists():
            yield from ("--ro-bind", str(entry), str(entry))
    yield from ("--bind", str(state), folder) if state else ("--dir", folder)
    for here, there in mounts.items():
        yield from ("--ro-bind", here, there)
    for read in ("/opt", "/etc", "/run", "/var/lib", *homes):
        yield from ("--remount-ro", read)
    yield from ("--chdir", folder, "--clearenv")
    for name, value in {"PATH": os.defpath, "LANG": "C.UTF-8", **variables}.items():
        yield from ("--setenv", name, value)


def child_of(process: int) -> int:
    (child,) = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return int(child)


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as a unit's process sees it. `settings`: keyturn.toml. `secrets`: the variables of EnvironmentFile."""

    bwrap: str
    unit: Unit
    folder: Path
    state: Path
    settings: Path
    secrets: Mapping[str, str]

    def words(self, command: Sequence[str]) -> list[str]:
        """Return the words that run a command as the unit does, with 1024 open files, as systemd starts it."""
        self.folder.mkdir(exist_ok=True)
        filters = list(enumerate(write_filters(self.unit, self.folder), _FIRST_FILE))
        opened = " ".join(f"{number}<{shlex.quote(str(file))}" for number, file in filters)
        script = f'ulimit -S -n 1024; exec {opened}; exec "$@"'
        seccomp = [word for number, _ in filters for word in ("--add-seccomp-fd", str(number))]
        folder = self.unit.one("WorkingDirectory").replace("%S", "/var/lib")
        assert folder == f"/var/lib/{self.unit.one('StateDirectory')}"
        variables = dict(line.split("=", 1) for line in self.unit.all("Environment"))
        options = isolated(
            {**variables, **self.secrets}, {str(self.settings): "/etc/keyturn/keyturn.toml"}, folder, self.state
        )
        return ["sh", "-c", script, "sh", self.bwrap, *options, *seccomp, "--", *command]


def stop(running: Running) -> int:
    """Stop a unit's command as systemd does, with SIGTERM to its main process, and return its exit code."""
    os.kill(child_of(child_of(running.process.pid)), signal.SIGTERM)
    return running.process.wait(30)
