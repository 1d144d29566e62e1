"""Where things are on the screen, and what people do to them."""

from playwright.async_api import FrameLocator, Locator, Page, expect


def mail(page: Page) -> FrameLocator:
    return page.frame_locator(".paper iframe:not(.arriving)")


def canvas(page: Page) -> Locator:
    return page.get_by_role("region", name="Preview")


async def open_sample(page: Page, served: str, query: str = "?sample=ada") -> None:
    """Open a sample and wait until a save would be noticed."""
    await page.goto(f"{served}/templates/greeting{query}")
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")
