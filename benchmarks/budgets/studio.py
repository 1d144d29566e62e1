"""Measures the studio as a designer uses it: start to first preview, save to pixels, processor
time, and memory.

Chromium renders the pages. The clock runs from the write of the file to the frame that shows the
new text.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

from playwright.async_api import Error, Page, Response

from benchmarks.budgets import Figure, budget_table
from benchmarks.budgets.thousand_templates import thousand_templates
from benchmarks.plan import Plan
from benchmarks.processes import answering, page, shared_megabytes, tree_seconds
from benchmarks.report import Table, Tell

STARTS = 5
SAVES = 40
SAVES_WITH_CHECKS = 10
CHROMIUM = Path("/usr/bin/chromium")
FOLDER = Path("tests/studio/gallery/folders/school/emails")
TEMPLATE = "courses/enrolled.mjml"
LAYOUT = "layouts/main.mjml"
PREVIEW = "/studio/templates/courses/enrolled"


def measure(_: Plan, tell: Tell) -> list[Table]:
    """Measure the studio and a folder of a thousand templates.

    Raises SystemExit if Chromium is missing.
    """
    if not CHROMIUM.exists():
        raise SystemExit(f"the studio's benchmark needs Chromium, and {CHROMIUM} does not exist")
    return [budget_table("The studio", _figures(), tell)]


def _figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as here:
        templates = Path(here) / "emails"
        shutil.copytree(FOLDER, templates)
        starts = [_start(templates) for _ in range(STARTS)]
        yield Figure(
            name="keyturn studio DIR, start to the first preview",
            value=median(starts),
            unit="s",
            budget=0.75,
        )
        with _studio(templates) as (port, pid):
            files = {"a template": templates / TEMPLATE, "a layout": templates / LAYOUT}
            for kind, file in files.items():
                taken = asyncio.run(_saves(port, file))
                yield Figure(
                    name=f"save of {kind} to its pixels, median of {SAVES}",
                    value=median(taken),
                    unit="ms",
                    budget=100,
                )
                yield Figure(
                    name="  95 of 100 under",
                    value=quantiles(taken, n=20)[-1],
                    unit="ms",
                    budget=150,
                )
            yield Figure(
                name=f"memory after {2 * SAVES} saves and all checks, workers too",
                value=shared_megabytes(pid),
                unit="MB",
                budget=175,
            )
            for kind, file in files.items():
                cost = asyncio.run(_processor_time(port, pid, file))
                yield Figure(
                    name=f"processor time of a save of {kind}, with all checks",
                    value=cost,
                    unit="ms",
                    budget=120,
                )
    yield from thousand_templates()


def _studio(templates: Path) -> AbstractContextManager[tuple[int, int]]:
    return answering(
        "studio", str(templates), "--no-token", folder=templates.parent, ready=_rendered
    )


def _start(templates: Path) -> float:
    start = time.perf_counter()
    with _studio(templates):
        return time.perf_counter() - start


def _rendered(port: int) -> bool:
    """Load the page of a mail and the mail in its frame, and tell whether both are there."""
    return all(page(port, path) for path in (PREVIEW, PREVIEW.replace("templates", "frames")))


async def _saves(port: int, file: Path) -> list[float]:
    """Return the milliseconds of each save."""
    taken = []
    async with _open(port) as tab:
        with _changes(file, SAVES) as changes:
            for word, changed in changes:
                start = time.perf_counter()
                file.write_text(changed, "utf-8")
                await tab.wait_for_function(_PAINTED, arg=word, polling="raf")
                taken.append((time.perf_counter() - start) * 1000)
        await tab.wait_for_load_state("networkidle")
    return taken


async def _processor_time(port: int, pid: int, file: Path) -> float:
    """Return the milliseconds of processor time that a save takes, until all mails that it changes
    are checked.
    """
    checked = asyncio.Event()

    async def notice(response: Response) -> None:
        with suppress(Error):  # an answer to the page before the reload
            if (
                response.request.headers.get("prefer") == "wait"
                and 'data-checks=""' in await response.text()
            ):
                checked.set()

    async with _open(port) as tab:
        tab.on("response", notice)
        await tab.reload()
        await checked.wait()
        before = tree_seconds(pid)
        with _changes(file, SAVES_WITH_CHECKS) as changes:
            for word, changed in changes:
                checked.clear()
                file.write_text(changed, "utf-8")
                await tab.wait_for_function(_PAINTED, arg=word, polling="raf")
                await checked.wait()
            return (tree_seconds(pid) - before) * 1000 / SAVES_WITH_CHECKS


@contextmanager
def _changes(file: Path, number: int) -> Iterator[Iterator[tuple[str, str]]]:
    """Give texts for a file, each with a new word that the mail shows.

    At the end, the file is as before.
    """
    text = file.read_text("utf-8")
    closing = "{% endblock %}" if file.name == Path(TEMPLATE).name else "</mj-column>"
    before, _, after = text.rpartition(closing)
    words = (f"save {one} of {number}" for one in range(number))
    yield ((word, f"{before}<mj-text>{word}</mj-text>{closing}{after}") for word in words)
    file.write_text(text, "utf-8")


_PAINTED = """word => {
  const frame = document.querySelector(".paper iframe:not(.arriving)");
  return frame?.contentDocument?.body?.textContent.includes(word);
}"""


@asynccontextmanager
async def _open(port: int) -> AsyncIterator[Page]:
    from tests.browser.browsing import running_chromium

    async with running_chromium(str(CHROMIUM)) as browser:
        tab = await browser.new_page(viewport={"width": 1440, "height": 900})
        await tab.goto(f"http://127.0.0.1:{port}{PREVIEW}")
        await tab.get_by_role("status").filter(has_text="watching").wait_for()
        yield tab
