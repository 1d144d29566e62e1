"""The suite on a machine without optional programs: `python -m tests.stranger` hides them, and runs their tests.

Each test must be skipped, with a reason that names the package to install. Every other outcome is printed, and the exit
code is 1 then.
"""

import os
import sys
from collections import Counter

import pytest
from tests.programs import MARKED, missing

REASONS = {
    missing("bwrap", "bubblewrap"),
    missing("caddy", "caddy"),
    missing("chromium", "chromium"),
    missing("mariadbd", "mariadb-server"),
    missing("nginx", "nginx-light"),
    missing("node", "nodejs"),
    missing("php", "php-cli"),
    missing("postgres", "postgresql"),
    missing("prometheus", "prometheus"),
    missing("samba", "samba-ad-dc samba-ad-provision"),
    missing("slapd", "slapd"),
    missing("systemd-analyze", "systemd"),
}


class SkipsOnly:
    """Sorts the outcomes of a run into expected skips and surprises."""

    def __init__(self) -> None:
        self._skipped: Counter[str] = Counter()
        self._surprises: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._surprises.append(f"{report.nodeid}: {report.outcome} before it was collected")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
            if reason in REASONS:
                self._skipped[reason] += 1
            else:
                self._surprises.append(f"{report.nodeid}: skipped, but for {reason or 'no reason'}")
        elif report.failed or report.when == "call":
            self._surprises.append(f"{report.nodeid}: {report.outcome} in its {report.when}")

    def surprises(self) -> list[str]:
        """Return a line for each outcome that was no expected skip, and for each reason that no test gave."""
        return self._surprises + [f"no test said: {reason}" for reason in sorted(REASONS - self._skipped.keys())]


def main() -> int:
    os.environ["PROGRAMS_PATH"] = ""
    os.environ.pop("CI", None)  # in CI a missing program is a failure
    outcome = SkipsOnly()
    status = pytest.main(
        ["-m", " or ".join(MARKED), "-n0", "-p", "no:cacheprovider"],
        plugins=[outcome],
    )
    surprises = outcome.surprises()
    for surprise in surprises:
        sys.stderr.write(f"stranger: {surprise}\n")
    return 1 if status or surprises else 0


if __name__ == "__main__":
    sys.exit(main())
