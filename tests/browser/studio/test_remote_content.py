"""What mails and templates name that lies elsewhere: nothing runs or is asked for before the reader
asks for it.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AsyncExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect
from tests.servers.serving import Connections, send_answer, serving
from tests.studio.inbox.mails import mail

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web.app import Studio, create_studio_app

FRAME = ".paper iframe:not(.arriving)"

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><path d="M0 '
    b'0h120v40H0z"/></svg>'
)
OWN_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

TRACKING = """<!doctype html><html><head><meta http-equiv="refresh" content="0;url={at}/refresh">
<meta http-equiv="x-dns-prefetch-control" content="on">
<link rel="stylesheet" href="{at}/style.css"><LINK
rel="preconnect" href="{at}"><link/rel=dns-prefetch href={at}>
<link rel="prefetch" href="{at}/prefetch"><link rel="preload" as="image" href="{at}/preload">
<link rel="modulepreload" href="{at}/module"><link rel="prerender" href="{at}/prerender">
<link rel="icon" href="{at}/icon">
<style>@import url({at}/import.css); @font-face {{ font-family: Theirs; src: url({at}/font.woff2) }}
.hero {{
  background: url("{at}/style-block.png"); cursor: url({at}/cursor), auto; font-family: Theirs
}}
.set {{ background-image: image-set("{at}/image-set.png" 1x) }}
li {{ list-style-image: \\75rl({at}/escaped.png) }}
</style></head>
<body background="{at}/body.png">
<p class="hero">Hello Ada</p><p class="set">One</p><ul><li>Two</li></ul>
<img src="{at}/open.gif" width="1" height="1" alt="">
<img src="{at}/logo.svg" srcset="{at}/logo-2x.svg 2x" width="120" height="40" alt="Northwind School"
attributionsrc="{at}/attribution">
<picture><source srcset="{at}/source.svg"><img src="{at}/inner.svg" alt=""></picture>
<img src="cid:own" width="20" height="20" alt="The mail's own">
<table background="{at}/table.png"><tr>
<td style="background-image:url('{at}/cell.png')">A cell</td></tr></table>
<video poster="{at}/poster.png" src="{at}/film.mp4" autoplay></video>
<audio src="{at}/sound.mp3" autoplay></audio>
<svg width="20" height="20">
<image href="{at}/svg.png" width="9" height="9"/><use href="{at}/use.svg#a"/>
<filter id="f"><feImage href="{at}/fe.png"/></filter>
<rect filter="url(#f)" width="9" height="9"/></svg>
<input type="image" src="{at}/input.png" alt="Send">
<object data="{at}/object"></object><embed src="{at}/embed">
<iframe src="{at}/frame"></iframe><iframe
srcdoc='<link rel="preconnect" href="{at}"><img src="{at}/srcdoc.png">'></iframe>
<script>top.document.title = "taken"; fetch("{at}/script")</script>
<img src="data:," onerror="fetch('{at}/handler')">
<form action="{at}/form"><input name="q"><button>Send</button></form>
<a href="{at}/followed" ping="{at}/ping">Open it</a></body></html>"""


class Elsewhere:
    """Another host, which counts its connections and keeps the paths that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections = Connections()
        self.address = ""

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await send_answer(send, 200, PICTURE, {"content-type": "image/svg+xml"})


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    host = Elsewhere()
    with serving(host, host.connections) as address:
        host.address = address
        yield host


@pytest.fixture
def mail_id(captured: CapturedMails, elsewhere: Elsewhere) -> str:
    return captured.add(bytes(tracking_mail(elsewhere.address, "Welcome")))


def tracking_mail(at: str, subject: str) -> EmailMessage:
    message = mail(subject, html=TRACKING.format(at=at))
    message.get_payload()[1].add_related(OWN_PICTURE, "image", "gif", cid="<own>")  # type: ignore[index,union-attr]
    return message


VIEWS = (
    "",
    "?scheme=dark",
    "?scheme=full",
    "?scheme=word",
    "?remote=another",
    "?tab=reading",
    "?show=source",
)


async def test_no_host_learns_that_a_captured_mail_was_opened_in_whatever_view(
    context: BrowserContext,
    served: str,
    elsewhere: Elsewhere,
    mail_id: str,
    captured: CapturedMails,
) -> None:
    long = (
        TRACKING.format(at=elsewhere.address) + "<p>words and words</p>" * 30_000
    )  # too long to be changed
    page = await context.new_page()
    for name, view in [
        *((mail_id, view) for view in VIEWS),
        (captured.add(bytes(mail("Long", html=long))), ""),
    ]:
        await page.goto(f"{served}/inbox/{name}{view}")
        if "show=" not in view:
            await expect(page.frame_locator(FRAME).get_by_text("Hello Ada")).to_be_visible()
            await page.frame_locator(FRAME).get_by_role("button", name="Send").last.click()
        assert "taken" not in await page.title()
    for alone in (f"studio/inbox/{mail_id}/frame", f"view/{mail_id}.html"):
        await page.goto(f"{served.removesuffix('studio')}{alone}")
        await expect(page.get_by_text("Hello Ada")).to_be_visible()
        await page.get_by_role("button", name="Send").last.click()
    await page.close()
    assert (elsewhere.connections.opened, elsewhere.asked) == (0, [])


async def test_images_are_loaded_for_the_mail_that_the_reader_asked_for_and_for_no_other(
    context: BrowserContext,
    served: str,
    captured: CapturedMails,
    elsewhere: Elsewhere,
    mail_id: str,
) -> None:
    captured.add(bytes(tracking_mail(f"{elsewhere.address}/another", "Another")))
    page = await context.new_page()
    await page.goto(f"{served}/inbox/{mail_id}")
    await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    await expect(page.frame_locator(FRAME).get_by_alt_text("The mail's own")).to_have_js_property(
        "naturalWidth", 1
    )
    held_back = page.frame_locator(FRAME).get_by_alt_text("Northwind School")
    await expect(held_back).to_have_js_property("clientWidth", 120)
    assert (elsewhere.connections.opened, elsewhere.asked) == (0, [])

    async with AsyncExitStack() as answers:  # so each is among those that were asked for
        for path in ("/open.gif", "/body.png", "/cell.png", "/poster.png", "/input.png"):
            await answers.enter_async_context(
                page.expect_response(re.compile(rf"{re.escape(path)}(\?|$)"))
            )
        await page.get_by_role("link", name="Load them for this mail").click()
    await expect(page.get_by_text("Remote images are loaded.")).to_be_visible()
    assert not {"/frame", "/object", "/film.mp4", "/refresh", "/style.css", "/font.woff2"} & set(
        elsewhere.asked
    )

    await page.get_by_role("link", name="Another").first.click()
    await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    assert not [path for path in elsewhere.asked if "another" in path]
    await page.close()


# Templates of an untrusted folder: the addresses of their images carry no data away without consent

TEMPLATE = """<!doctype html><html><head><title>Hello</title>
<link rel="preconnect" href="{at}"></head><body>
<img src="{at}/open.gif?name={{{{ name }}}}" width="40" height="40" alt="Northwind School">
<p>Hello {{{{ name }}}}</p>
<div style="background:url({at}/ground.png)">Words</div></body></html>"""


@pytest.fixture
def templates(tmp_path: Path, elsewhere: Elsewhere) -> Path:
    folder = tmp_path / "emails"
    folder.mkdir()
    for name in ("welcome", "goodbye"):
        (folder / f"{name}.html").write_text(TEMPLATE.format(at=elsewhere.address))
    (folder / "welcome.samples.toml").write_text('[ada]\nname = "Ada"\n')
    return folder


@pytest.fixture
def foreign(templates: Path, tmp_path: Path) -> Iterator[str]:
    studio = Studio(
        gallery=open_gallery(templates, sandboxed=True),
        sender="a@b.example",
        settings=StudioSettings(snapshots=tmp_path / "snapshots"),
        token="",
    )
    with serving(create_studio_app(studio)) as url:
        yield f"{url}/studio"
        studio.stopping.set()


async def test_no_host_learns_what_a_foreign_template_is_given(
    context: BrowserContext, foreign: str, elsewhere: Elsewhere
) -> None:
    page = await context.new_page()
    for view in ("", "?scheme=word&width=320"):
        async with page.expect_response(
            lambda answer: answer.request.headers.get("prefer") == "wait"
        ):
            await page.goto(f"{foreign}/templates/welcome{view}")
        await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    await page.goto(f"{foreign}/frames/welcome")
    await expect(page.get_by_text("Hello")).to_be_visible()
    await page.goto(f"{foreign}/templates/welcome?show=source&mode=edit")
    await page.locator(".cm-content").press("Control+End")
    await page.keyboard.type("<p>My own words</p>")
    await expect(
        page.frame_locator("[data-preview] iframe").last.get_by_text("My own words")
    ).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())  # what was typed is not saved
    await page.goto(f"{foreign}/sheet")
    await expect(page.frame_locator("main iframe").first.get_by_text("Words")).to_be_attached()
    assert (elsewhere.connections.opened, elsewhere.asked) == (0, [])
    async with page.expect_response(re.compile("/open.gif")):
        await page.get_by_role("link", name="Load them for this folder").click()
    await page.close()


async def test_a_folder_that_is_trusted_shows_its_images_at_once(
    context: BrowserContext, templates: Path
) -> None:
    studio = Studio(gallery=open_gallery(templates), sender="a@b.example", token="")
    with serving(create_studio_app(studio)) as url:
        page = await context.new_page()
        async with page.expect_response(re.compile("/open.gif")):
            await page.goto(f"{url}/studio/templates/welcome")
        logo = page.frame_locator(FRAME).get_by_alt_text("Northwind School")
        await expect(logo).to_have_js_property("naturalWidth", 120)
        await expect(page.get_by_text("Remote images")).to_have_count(0)
        studio.stopping.set()
        await page.close()
