"""What a mail names that lies elsewhere: nothing runs or asks for it until the reader does, and for this mail alone."""

from base64 import b64decode
from email.message import EmailMessage

import pytest
from playwright.async_api import BrowserContext, expect
from tests.browser.browsing import opened
from tests.browser.studio.elsewhere import Elsewhere, answering
from tests.studio.inbox.mails import mail

from keyturn.studio.inbox.store import CapturedMails

FRAME = ".paper iframe:not(.arriving)"

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

OWN_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

TRACKING = """<!doctype html><html><head><meta http-equiv="refresh" content="0;url={at}/refresh">
<meta http-equiv="x-dns-prefetch-control" content="on">
<link rel="stylesheet" href="{at}/style.css"><LINK
rel="preconnect" href="{at}"><link/rel=dns-prefetch href={at}><link rel="prefetch" href="{at}/prefetch">
<link rel="preload" as="image" href="{at}/preload"><link rel="modulepreload" href="{at}/module">
<link rel="prerender" href="{at}/prerender"><link rel="icon" href="{at}/icon">
<style>@import url({at}/import.css); @font-face {{ font-family: Theirs; src: url({at}/font.woff2) }}
.hero {{ background: url("{at}/style-block.png"); cursor: url({at}/cursor), auto; font-family: Theirs }}
.set {{ background-image: image-set("{at}/image-set.png" 1x) }} li {{ list-style-image: \\75rl({at}/escaped.png) }}
</style></head>
<body background="{at}/body.png"><p class="hero">Hello Ada</p><p class="set">One</p><ul><li>Two</li></ul>
<img src="{at}/open.gif" width="1" height="1" alt="">
<img src="{at}/logo.svg" srcset="{at}/logo-2x.svg 2x" width="120" height="40" alt="Northwind School"
attributionsrc="{at}/attribution">
<picture><source srcset="{at}/source.svg"><img src="{at}/inner.svg" alt=""></picture>
<img src="cid:own" width="20" height="20" alt="The mail's own">
<table background="{at}/table.png"><tr><td style="background-image:url('{at}/cell.png')">A cell</td></tr></table>
<video poster="{at}/poster.png" src="{at}/film.mp4" autoplay></video><audio src="{at}/sound.mp3" autoplay></audio>
<svg width="20" height="20"><image href="{at}/svg.png" width="9" height="9"/><use href="{at}/use.svg#a"/>
<filter id="f"><feImage href="{at}/fe.png"/></filter><rect filter="url(#f)" width="9" height="9"/></svg>
<input type="image" src="{at}/input.png" alt="Send"><object data="{at}/object"></object><embed src="{at}/embed">
<iframe src="{at}/frame"></iframe><iframe
srcdoc='<link rel="preconnect" href="{at}"><img src="{at}/srcdoc.png">'></iframe>
<script>top.document.title = "taken"; fetch("{at}/script")</script><img src="data:," onerror="fetch('{at}/handler')">
<form action="{at}/form"><input name="q"><button>Send</button></form>
<a href="{at}/followed" ping="{at}/ping">Open it</a></body></html>"""


@pytest.fixture
def mail_id(captured: CapturedMails, elsewhere: Elsewhere) -> str:
    return captured.add(bytes(tracking_mail(elsewhere.address, "Welcome")))


def tracking_mail(at: str, subject: str) -> EmailMessage:
    message = mail(subject, html=TRACKING.format(at=at))
    message.get_payload()[1].add_related(OWN_PICTURE, "image", "gif", cid="<own>")  # type: ignore[index,union-attr]
    return message


@pytest.mark.parametrize(
    "view",
    [
        *("", "?scheme=dark", "?scheme=partial", "?scheme=full", "?scheme=word", "?images=off", "?remote=another"),
        *("?width=320&tab=checks", "?tab=links", "?tab=reading", "?show=text", "?show=source"),
    ],
)
async def test_no_host_learns_that_a_captured_mail_was_opened_in_whatever_view(
    context: BrowserContext, served: str, elsewhere: Elsewhere, mail_id: str, view: str
) -> None:
    page = await context.new_page()
    await page.goto(f"{served}/inbox/{mail_id}{view}")
    if "show=" not in view:
        await expect(page.frame_locator(FRAME).get_by_text("Hello Ada")).to_be_visible()
        await page.frame_locator(FRAME).get_by_role("button", name="Send").last.click()
    assert "taken" not in await page.title()
    await page.close()
    assert elsewhere.contacts == (0, [])


@pytest.mark.parametrize("path", ["studio/inbox/{id}/frame", "view/{id}.html", "view/latest.html"])
async def test_nor_does_one_learn_it_from_a_mail_that_is_shown_alone(
    context: BrowserContext, served: str, elsewhere: Elsewhere, mail_id: str, path: str
) -> None:
    page = await opened(context, f"{served.removesuffix('studio')}{path.format(id=mail_id)}")
    await expect(page.get_by_text("Hello Ada")).to_be_visible()
    await page.get_by_role("button", name="Send").last.click()
    await page.close()
    assert elsewhere.contacts == (0, [])


async def test_images_are_loaded_for_the_mail_that_the_reader_asked_for_and_for_no_other(
    context: BrowserContext, served: str, captured: CapturedMails, elsewhere: Elsewhere, mail_id: str
) -> None:
    captured.add(bytes(tracking_mail(f"{elsewhere.address}/another", "Another")))
    page = await opened(context, f"{served}/inbox/{mail_id}")
    await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    await expect(page.frame_locator(FRAME).get_by_alt_text("The mail's own")).to_have_js_property("naturalWidth", 1)
    held_back = page.frame_locator(FRAME).get_by_alt_text("Northwind School")
    box = await held_back.bounding_box()
    assert box
    assert (round(box["width"]), round(box["height"])) == (120, 40)
    assert elsewhere.contacts == (0, [])

    async with answering(page, "/open.gif", "/body.png", "/cell.png", "/poster.png", "/input.png"):
        await page.get_by_role("link", name="Load them for this mail").click()
    await expect(page.get_by_text("Remote images are loaded.")).to_be_visible()
    await expect(page.get_by_role("link", name="Turn them off")).to_be_visible()
    logo = page.frame_locator(FRAME).get_by_alt_text("Northwind School")
    await expect(logo).to_have_js_property("complete", value=True)
    assert not {"/frame", "/object", "/film.mp4", "/refresh", "/style.css", "/font.woff2"} & set(elsewhere.asked)

    await page.get_by_role("link", name="Another").first.click()
    await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    assert not [path for path in elsewhere.asked if "another" in path]
    await page.close()


async def test_a_mail_that_is_too_long_to_be_changed_asks_for_nothing_either(
    context: BrowserContext, served: str, captured: CapturedMails, elsewhere: Elsewhere
) -> None:
    html = TRACKING.format(at=elsewhere.address) + "<p>words and words</p>" * 30_000
    long = captured.add(bytes(mail("Long", html=html)))
    page = await opened(context, f"{served}/inbox/{long}")
    await expect(page.frame_locator(FRAME).get_by_text("Hello Ada")).to_be_visible()
    await page.close()
    assert elsewhere.contacts == (0, [])
