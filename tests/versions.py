"""Tests on the installed wheel, with the newest or the oldest versions that `pyproject.toml`
allows.

`python -m tests.versions newest|oldest [--python PYTHON] [PYTEST ARGUMENTS]` builds the wheel. It
is installed with all extras and the test tools into a new environment. The tests that depend on
libraries most run: commands with a database and files (`accounts totp`, `check`, `init`, `migrate`,
`demo --help`), the plugin, databases, the API, SMTP, Resend, tracing, Django and captured mails.
Tests that are equal on every database run on SQLite. `just check` and `just nightly` run all other
tests.

The newest versions are those up to `exclude-newer` in pyproject.toml; UV_EXCLUDE_NEWER sets a later
day. The oldest versions are the lower bounds of pyproject.toml (uv's `lowest-direct`), or the first
wheel above them for this Python.

Flags go to pytest: `oldest -x` stops at the first failure. Paths replace the list of tests.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

RESOLUTIONS = {"newest": "highest", "oldest": "lowest-direct"}

TESTS = (
    *(
        f"tests/commands/test_{name}.py"
        for name in ("accounts", "commands", "records", "second_factors")
    ),
    "tests/commands/mails/test_check.py",
    "tests/commands/mails/test_render.py",
    "tests/commands/init/test_init.py",
    "tests/contracts/accounts/test_contract.py",
    "tests/contracts/database",
    "tests/studio/engines",
    "tests/studio/inbox",
    "tests/contracts/mail_providers/test_resend_library.py",
    "tests/contracts/mail_providers/test_senders.py",
    "tests/processes/plugin",
    "tests/processes/serve/test_traces.py",
    "tests/contracts/second_steps",
    "tests/functions/test_codes.py",
    "tests/spec/http",
    "tests/spec/operating",
    "tests/functions/test_logs.py",
)
WANTED = (
    "not nightly and not browser and not node and not php and not (postgresql and any_database)"
)
OPTIONS = (
    *("-p", "no:cacheprovider", "-m", WANTED),
    *("-o", f"testpaths={' '.join(TESTS)}"),  # pytest uses these if it gets no path
    *("-o", "faulthandler_timeout=120", "-o", "faulthandler_exit_on_timeout=true"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.versions")
    parser.add_argument("versions", choices=RESOLUTIONS)
    parser.add_argument(
        "--python", default=sys.executable, help="An interpreter, or a version that uv can find."
    )
    asked, for_pytest = parser.parse_known_args()
    if gone := [path for path in TESTS if not (CHECKOUT / path).exists()]:
        parser.error(f"TESTS has what is not there: {', '.join(gone)}")
    with tempfile.TemporaryDirectory(prefix=f"keyturn-{asked.versions}-") as folder:
        python = installed(Path(folder), asked.python, RESOLUTIONS[asked.versions])
        # The checkout is the working directory, for the tests. Its `src` is not on the path, so the
        # wheel is used.
        return subprocess.run(
            [python, "-m", "pytest", *OPTIONS, *for_pytest], cwd=CHECKOUT, check=False
        ).returncode


def installed(folder: Path, interpreter: str, resolution: str) -> str:
    """Install the wheel, all its extras and the test tools into a new environment, and return its
    Python.
    """
    python = empty_environment(folder / "environment", interpreter)
    uv("build", "--wheel", "--out-dir", str(folder))
    (wheel,) = folder.glob("*.whl")
    install = ("pip", "install", "--python", python)
    # The first step installs what users get. The second adds the newest test tools, and keeps
    # installed versions.
    versions = (
        f"--resolution {resolution} --only-binary :all: --requirements pyproject.toml --all-extras"
    )
    uv(*install, *versions.split())
    uv(*install, "--group", "tests", str(wheel))
    return python


def empty_environment(folder: Path, interpreter: str) -> str:
    """Return the Python of a new environment."""
    uv("venv", "--python", interpreter, str(folder))
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")


def uv(*arguments: str) -> None:
    """Run uv in the checkout, where pyproject.toml has its `exclude-newer`."""
    subprocess.run(["uv", *arguments, "--quiet"], cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    sys.exit(main())
