"""Processes of Keyturn, as an operator runs them, that can be killed at any moment and started
again.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Self

from tests.servers.mail_providers.resend import API_KEY, ResendServer
from tests.servers.processes import Running

API: Sequence[str] = ("serve", "--no-worker", "--port", "0")
WORKER: Sequence[str] = ("worker",)
_ANSWERS_ON = re.compile(r"http://[\d.:]+")


class Process:
    """One `keyturn ...` of `python`, which ends with its block.

    `said` is all that it and its predecessors wrote.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        said: list[str],
        python: str = sys.executable,
    ) -> None:
        self._command = [python, "-m", "keyturn", *arguments]
        # Without coverage: who is killed reports nothing, and would only start more slowly.
        unmeasured = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
        }
        self._environment = {**unmeasured, **environment}
        self.said = said
        self.url = ""
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return once it says that it is ready."""
        self._running = Running(
            subprocess.Popen(
                self._command,
                env=self._environment,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
        )
        line = self._running.wait_for(
            "Keyturn answers" if "serve" in self._command else "The worker is running"
        )
        if found := _ANSWERS_ON.search(line):
            self.url = found[0]

    @property
    def pid(self) -> int:
        return self._running.process.pid

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        code = self._running.end(number)
        self.said += self._running.said
        self._running.said.clear()
        return code


def environment_for(resend: ResendServer, database_url: str) -> dict[str, str]:
    """Return settings for storms: short time-outs, and no limits for clients."""
    return {
        "KEYTURN_DATABASE_URL": database_url,
        "KEYTURN_SECRET_KEY": "s" * 32,
        "KEYTURN_MAIL_FROM": "Northwind School <no-reply@northwind.example>",
        "KEYTURN_RESEND_API_URL": resend.url,
        "KEYTURN_WORKER_TIMEOUT": "500ms",
        "KEYTURN_RESEND_RATE": "1000",
        "RESEND_API_KEY": API_KEY,
        "KEYTURN_LIMITS_IN_MEMORY": "true",
        "KEYTURN_HASHING_COST": "10",
        **{f"KEYTURN_LIMITS_{name}": "100000/second" for name in ("OVERALL", "REQUEST", "CLIENT")},
    }
