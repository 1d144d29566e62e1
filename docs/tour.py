"""Take the pictures of docs/studio.md again: `uv run python docs/tour.py`.

Needs Debian's Chromium, and git.
"""

import asyncio
import contextlib
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page, Route, async_playwright

CHECKOUT = Path(__file__).parents[1]
IMAGES = Path(__file__).parent / "images" / "tour"
MAILS = CHECKOUT / "examples" / "shop-mails"
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
LAMP = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" preserveAspectRatio="xMidYMid '
    'slice">'
    '<rect width="100" height="100" fill="#e9dccb"/><path d="M32 46 L44 22 H58 L70 46 Z" '
    'fill="#b5713c"/>'
    '<rect x="49" y="46" width="4" height="30" fill="#5c4a3b"/><ellipse cx="51" cy="78" rx="16" '
    'ry="4" fill="#5c4a3b"/>'
    "</svg>"
)
"""The content at the addresses of the shop's pictures, which no server has."""


class Stop(NamedTuple):
    """A picture: of which page, and how large the window is."""

    name: str
    address: str
    width: int = 1440
    height: int = 900


STOPS = (
    Stop("mail", "templates/back_in_stock?tab=checks"),
    Stop(
        "branch",
        "templates/order_confirmed?sample=branch%3A+order_confirmed.mjml%3A3+and+6+more&tab=checks",
    ),
    Stop("findings", "findings"),
    Stop("edit", "templates/back_in_stock?show=source&mode=edit&tab=checks"),
    Stop("word", "templates/order_confirmed?scheme=word&tab=reading"),
    Stop("sheet", "sheet?width=375&scheme=light&scheme=dark&scheme=full"),
    Stop("inbox", "inbox"),
    Stop("phone-mail", "templates/order_confirmed", 375, 812),
    Stop("phone-checks", "templates/back_in_stock?tab=checks&pane=details", 375, 812),
)
MISTAKES = (
    ("back_in_stock/back_in_stock.mjml", ' alt="{{ product.title }}"', ""),
    ("back_in_stock/back_in_stock.mjml", "No mails of this kind", "click here"),
    ("back_in_stock/back_in_stock.mjml", "<mj-text>You", '<mj-txt color="#c9b9a6">You'),
    ("order_shipped/order_shipped.mjml", "It is on its way.", "On its way to you."),
    ("order_shipped/order_shipped.mjml", "Follow the parcel", "Where is it?"),
)
"""What is saved and not committed: file, what stood there, what stands there now."""


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = shop_with_mistakes(Path(place))
        with running_studio(folder) as (url, smtp):
            send_order(smtp)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=FLAGS
                )
                for stop in STOPS:
                    await take(browser, url, stop)
                await browser.close()


def shop_with_mistakes(place: Path) -> Path:
    """Return a repository whose last commit is the example, and whose files hold mistakes since."""
    folder = shutil.copytree(MAILS, place / MAILS.name)
    person = ("-c", "user.name=shop", "-c", "user.email=shop@lantern.example")
    for command in (("init", "-q"), ("add", "-A"), (*person, "commit", "-qm", "The mails")):
        subprocess.run(["git", *command], cwd=folder, check=True)  # noqa: S607 - whichever git there is
    for file, before, after in MISTAKES:
        text = (folder / file).read_text()
        assert before in text
        (folder / file).write_text(text.replace(before, after, 1))
    return folder


@contextlib.contextmanager
def running_studio(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the address of a studio, and the port of its inbox."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        smtp = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "keyturn",
        "studio",
        str(folder),
        "--no-token",
        "--port",
        "0",
        "--smtp",
        str(smtp),
    ]
    with subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.PIPE, text=True) as studio:
        try:
            assert studio.stdout
            url = next(
                found[0] for line in studio.stdout if (found := re.search(r"http://[\d.:]+", line))
            )
            yield f"{url}/studio", smtp
        finally:
            studio.send_signal(signal.SIGINT)


def send_order(smtp: int) -> None:
    command = [sys.executable, "-m", "keyturn", "render", "order_confirmed", "--dir", str(MAILS)]
    html = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for to, number in (
        ("ada@example.org", "L-2041"),
        ("grace@example.org", "L-2042"),
        ("ada@example.org", "L-2043"),
    ):
        mail = EmailMessage()
        mail["From"], mail["To"] = "Lantern & Loom <hello@lantern.example>", to
        mail["Subject"] = f"Your order {number}"
        mail.set_content(f"Thank you.\n\nSee your order: https://lantern.example/orders/{number}\n")
        mail.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", smtp) as server:
            server.send_message(mail)


async def take(browser: Browser, url: str, stop: Stop) -> None:
    for scheme in ("light", "dark"):
        page = await browser.new_page(
            viewport={"width": stop.width, "height": stop.height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        await page.route("https://lantern.example/**", serve_lamp)
        await page.goto(f"{url}/{stop.address}")
        await settle(page)
        if stop.name == "inbox":
            await page.get_by_text("L-2043").first.click()
            await settle(page)
        if await (
            load := page.get_by_text(re.compile("^Load them for this ")).filter(visible=True)
        ).count():
            await load.first.click()
            await settle(page)
        await page.screenshot(path=IMAGES / f"{stop.name}-{scheme}.png")
        await page.close()


async def serve_lamp(route: Route) -> None:
    await route.fulfill(body=LAMP, content_type="image/svg+xml")


async def settle(page: Page) -> None:
    """Wait until checks and frames are there: they come as they are ready, and nothing says that
    all of them are.
    """
    await page.get_by_role("status").filter(has_text="watching").first.wait_for()
    await page.wait_for_timeout(3000)


asyncio.run(main())
