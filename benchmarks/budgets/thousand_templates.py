"""Measures a folder of a thousand templates, in the studio and in `keyturn check`, and the studio
with 5,000 files.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.budgets import Figure
from benchmarks.processes import answering, page, shared_megabytes

TEMPLATES = 1000
MORE_TEMPLATES = 2499
"""With a text part each, a layout and a footer, they are 5,000 files."""
FOLDERS = 20
_LISTED = re.compile(r'aria-label="area\d\d/, (\d+) templates"')
_LAYOUT = """\
<mjml lang="en">
  <mj-head>
    <mj-title>{% block title %}{% endblock %}</mj-title>
    <mj-preview>{{ preview }} and what else there is to know today</mj-preview>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" /><mj-text font-size="16px" />
    </mj-attributes>
  </mj-head>
  <mj-body>{% block body %}{% endblock %}{% include "_parts/footer.mjml" %}</mj-body>
</mjml>
"""
_FOOTER = (
    "<mj-section><mj-column><mj-text>Regards, {{ company }}</mj-text></mj-column></mj-section>\n"
)
_MAIL = """\
{% extends "_parts/layout.mjml" %}
{% block title %}Your order NUMBER{% endblock %}
{% block body %}
<mj-section><mj-column>
  <mj-text><h1>Order NUMBER</h1><p>Hello {{ name }}, it is on its way.</p></mj-text>
  {% for line in order.lines %}
  <mj-text>{{ line.title }} <b>{{ line.price }}</b></mj-text>
  {% endfor %}
  <mj-button href="{{ order_url }}" background-color="#1144aa">See order NUMBER</mj-button>
</mj-column></mj-section>
{% endblock %}
"""
_TEXT = "Hello {{ name }},\nyour order NUMBER is on its way.\n\n{{ order_url }}\n"


def thousand_templates() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as here:
        folder, environment = (
            Path(here) / "emails",
            {**os.environ, "XDG_CACHE_HOME": str(Path(here) / "cache")},
        )
        _write(folder, TEMPLATES)
        opened = _open(folder, TEMPLATES)
        yield Figure(
            name=f"{TEMPLATES:,} templates, start to the first page",
            value=opened.page,
            unit="s",
            budget=1,
        )
        yield Figure(name="  start to the first preview", value=opened.preview, unit="s")
        yield Figure(
            name="  memory then, workers too", value=opened.megabytes, unit="MB", budget=150
        )
        _write(more := Path(here) / "more", MORE_TEMPLATES)
        opened = _open(more, MORE_TEMPLATES)
        files = 2 * MORE_TEMPLATES + 2
        yield Figure(
            name=f"{files:,} files, start to the first page", value=opened.page, unit="s", budget=1
        )
        yield Figure(name="  size of that page", value=opened.kilobytes, unit="kB", budget=200)
        cores = len(os.sched_getaffinity(0))
        mails = f"keyturn check, {TEMPLATES:,} mails on {cores} cores"
        first = _check(folder, environment)
        yield Figure(
            name=f"{mails}, with every branch, the first time", value=first, unit="s", budget=30
        )
        yield Figure(
            name="  again, nothing changed", value=_check(folder, environment), unit="s", budget=0.5
        )
        (folder / "area00" / "mail0000.mjml").write_text(
            _MAIL.replace("NUMBER", "changed"), "utf-8"
        )
        yield Figure(
            name="  again, one of them changed", value=_check(folder, environment), unit="s"
        )
        (folder / "keyturn.toml").write_text("[studio]\nbranches = false\n", "utf-8")
        yield Figure(
            name="  without branches",
            value=_check(folder, environment, "--no-cache"),
            unit="s",
            budget=10,
        )


class _Opened(NamedTuple):
    """Seconds until the first page and until the first mail in its frame, the memory then, and the
    size of the page.
    """

    page: float
    preview: float
    megabytes: float
    kilobytes: float


def _write(folder: Path, templates: int) -> None:
    files = {"_parts/layout.mjml": _LAYOUT, "_parts/footer.mjml": _FOOTER}
    for number in range(templates):
        stem = f"area{number % FOLDERS:02}/mail{number:04}"
        files |= {
            f"{stem}.{end}": text.replace("NUMBER", str(number))
            for end, text in (("mjml", _MAIL), ("txt", _TEXT))
        }
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")


def _open(folder: Path, templates: int) -> _Opened:
    """Open the studio.

    The memory counts every process: the studio, the one that starts workers, and the workers.
    """
    start = time.perf_counter()
    with answering("studio", str(folder), "--no-token", folder=folder.parent, ready=_listed) as (
        port,
        pid,
    ):
        first, shown = time.perf_counter() - start, page(port, "/studio")
        if (listed := sum(map(int, _LISTED.findall(shown)))) < templates:
            raise SystemExit(f"the first page lists folders with {listed} of {templates} templates")
        for kind in ("templates", "frames"):
            page(port, f"/studio/{kind}/area00/mail0000")
        return _Opened(
            first, time.perf_counter() - start, shared_megabytes(pid), len(shown.encode()) / 1000
        )


def _listed(port: int) -> bool:
    return bool(page(port, "/studio"))


def _check(folder: Path, environment: dict[str, str], *flags: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "keyturn", "check", str(folder), "--fail-on", "never", *flags],
        cwd=folder.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start
