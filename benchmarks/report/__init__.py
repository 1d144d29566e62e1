"""The report of a benchmark: tables, and their data as JSON."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of text. The first column is aligned to the left, the others to the right."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.headers, *self.rows, strict=True)]
        rule = ["-" * width if number == 0 else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
        lines = [_line(self.headers, widths), f"| {' | '.join(rule)} |"]
        return "\n".join([f"{self.title}\n", *lines, *(_line(row, widths) for row in self.rows)]) + "\n"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a benchmark.

    `tables`: by their names.
    `data`: the figures behind them.
    """

    tables: Mapping[str, Table]
    data: Any = None


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *others])} |"


def machine() -> dict[str, str | int | float]:
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "load": round(os.getloadavg()[2], 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _commit() -> str:
    """Return the commit, and whether files differ from it."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src"], capture_output=True, check=False)
    return (commit.stdout.strip() or "an unknown commit") + " and changes" * (changed.returncode == 1)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if sys.platform == "linux" else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
