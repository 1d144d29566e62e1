"""The report of a benchmark: tables and plots, and their data as JSON."""

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

    `tables` and `plots` (SVG): by the name of their file.
    `data`: the figures behind them.
    `notes`: sentences about parts that could not be measured.
    """

    tables: Mapping[str, Table]
    plots: Mapping[str, str] = {}
    data: Any = None
    notes: Sequence[str] = ()


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *others])} |"


def write(report: Report, folder: Path, name: str) -> None:
    """Write the data with the machine's description, each table and each plot. Replaces earlier results."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine(), "data": report.data}
    (folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    for title, table in report.tables.items():
        sentences = "".join(f"\n{sentence}\n" for sentence in report.notes)
        (folder / f"{title}.md").write_text(f"{table.markdown()}{sentences}\n{_measured_on()}\n", "utf-8")
    for title, plot in report.plots.items():
        (folder / f"{title}.svg").write_text(plot, "utf-8")


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


def _measured_on() -> str:
    here = machine()
    return (
        f"Measured {here['measured']} at {here['commit']} on {here['cores']} cores of {here['processor']}, Python"
        f" {here['python']}; the machine's load was {here['load']} over the quarter of an hour before the end."
    )


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
