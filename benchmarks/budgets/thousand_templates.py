"""Measures a folder of a thousand templates, in the studio and in `keyturn check`, and the studio with 5,000 files."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.budgets.figure import Figure
from benchmarks.processes import free_port, megabytes_of_all

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
    <mj-attributes><mj-all font-family="Helvetica, Arial, sans-serif" /><mj-text font-size="16px" /></mj-attributes>
  </mj-head>
  <mj-body>{% block body %}{% endblock %}{% include "_parts/footer.mjml" %}</mj-body>
</mjml>
"""
_FOOTER = "<mj-section><mj-column><mj-text>Regards, {{ company }}</mj-text></mj-column></mj-section>\n"
_MAIL = """\
{% extends "_parts/layout.mjml" %}
{% block title %}Your order NUMBER{% endblock %}
{% block body %}
<mj-section><mj-column>
  <mj-text><h1>Order NUMBER</h1><p>Hello {{ name }}, it is on its way.</p></mj-text>
  {% for line in order.lines %}<mj-text>{{ line.title }} <b>{{ line.price }}</b></mj-text>{% endfor %}
  <mj-button href="{{ order_url }}" background-color="#1144aa">See order NUMBER</mj-button>
</mj-column></mj-section>
{% endblock %}
"""
_TEXT = "Hello {{ name }},\nyour order NUMBER is on its way.\n\n{{ order_url }}\n"


def thousand_templates() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as here:
        folder, environment = Path(here) / "emails", {**os.environ, "XDG_CACHE_HOME": str(Path(here) / "cache")}
        _write(folder, TEMPLATES)
        opened = _open(folder, TEMPLATES)
        yield Figure(name=f"{TEMPLATES:,} templates, start to the first page", value=opened.page, unit="s", budget=1)
        yield Figure(name="  start to the first preview", value=opened.preview, unit="s")
        yield Figure(name="  memory then, workers too", value=opened.megabytes, unit="MB", budget=150)
        _write(more := Path(here) / "more", MORE_TEMPLATES)
        opened = _open(more, MORE_TEMPLATES)
        files = 2 * MORE_TEMPLATES + 2
        yield Figure(name=f"{files:,} files, start to the first page", value=opened.page, unit="s", budget=1)
        yield Figure(name="  size of that page", value=opened.kilobytes, unit="kB", budget=200)
        cores = len(os.sched_getaffinity(0))
        mails = f"keyturn check, {TEMPLATES:,} mails on {cores} cores"
        samples_only = _check(folder, environment, "--no-cache", "--samples-only")
        yield Figure(name=f"{mails}, without their branches", value=samples_only, unit="s", budget=10)
        with_branches = _check(folder, environment)
        yield Figure(name="  with every branch of theirs, the first time", value=with_branches, unit="s", budget=30)
        yield Figure(name="  again, nothing changed", value=_check(folder, environment), unit="s", budget=0.5)
        (folder / "area00" / "mail0000.mjml").write_text(_MAIL.replace("NUMBER", "changed"), "utf-8")
        yield Figure(name="  again, one of them changed", value=_check(folder, environment), unit="s")


class _Opened(NamedTuple):
    """Seconds until the first page and until the first mail in its frame, the memory then, and the size of the page."""

    page: float
    preview: float
    megabytes: float
    kilobytes: float


def _write(folder: Path, templates: int) -> None:
    files = {"_parts/layout.mjml": _LAYOUT, "_parts/footer.mjml": _FOOTER}
    for number in range(templates):
        stem = f"area{number % FOLDERS:02}/mail{number:04}"
        files |= {
            f"{stem}.{end}": text.replace("NUMBER", str(number)) for end, text in (("mjml", _MAIL), ("txt", _TEXT))
        }
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")


def _open(folder: Path, templates: int) -> _Opened:
    """Open the studio. The memory counts every process: the studio, the one that starts workers, and the workers."""
    port, start = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "keyturn", "studio", str(folder), "--no-token", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.DEVNULL) as process:
        try:
            while not (page := _page(port, "/studio")):
                if process.poll() is not None:
                    raise SystemExit("the studio did not start")
                time.sleep(0.005)
            first = time.perf_counter() - start
            if (listed := sum(map(int, _LISTED.findall(page)))) < templates:
                raise SystemExit(f"the first page lists folders with {listed} of {templates} templates")
            for kind in ("templates", "frames"):
                _page(port, f"/studio/{kind}/area00/mail0000")
            taken, memory = time.perf_counter() - start, megabytes_of_all(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
    return _Opened(first, taken, memory, len(page.encode()) / 1000)


def _page(port: int, path: str) -> str:
    """Return a page, or "" while the server does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


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
