"""How the elements look in an app's page: what fits, what axe-core finds, their words and
colours.
"""

import re

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Page, expect
from tests.browser.browsing import choose
from tests.browser.elements.conftest import CHANGE, FORGOT, RESET, App
from tests.browser.pages.screens import WRONG
from tests.driver.service import NEW_PASSWORD, Service
from tests.every_language import SHAPES, TAGS, each_language

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

AXE = "axe.run('main', {resultTypes: ['violations'], rules: {region: {enabled: false}}})"
SMALL = """() => [...document.querySelectorAll('main > *')]
    .flatMap(host => [...host.shadowRoot.querySelectorAll('button, a, input:not(.unseen)')])
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44)
    .map(e => e.outerHTML)"""

AT_LENGTH = {"en", "ar"}
"""Languages in which axe-core looks."""


async def look(page: Page, where: str, tag: str) -> None:
    """Look at what is shown, on a phone and in both schemes."""
    await page.add_style_tag(
        content=":root { background: Canvas; }"
    )  # axe takes a page without a colour for white
    assert await page.evaluate(WRONG) + await page.evaluate(SMALL) == [], where
    for scheme in ("light", "dark") if tag in AT_LENGTH else ():
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = [violation["id"] for violation in (await page.evaluate(AXE))["violations"]]
        assert found == [], f"{where}, {scheme}"


@each_language("tag", TAGS, telling=SHAPES)
async def test_every_view_fits_a_phone_in_every_language_and_axe_finds_nothing(
    tag: str, app: App, keyturn: Service
) -> None:
    person = (
        await keyturn.add(f"a-name-that-goes-on-{tag.lower()}@a-host-that-does-too.northwind.test")
    ).email
    bodies = {
        "phone-forgot": FORGOT,
        "phone-card": CHANGE.replace("{email}", person),
        "phone-reset": RESET,
    }
    app.pages |= {
        path: body.replace(" url", f' lang="{tag}" heading-level="1" url')
        for path, body in bodies.items()
    }
    async with app.open("/login", viewport={"width": 320, "height": 640}, bypass_csp=True) as page:
        await page.add_init_script(path=AXE_FILE_PATH)
        button, email = page.locator("[part~=button]"), page.locator("#email")
        await page.goto("/phone-forgot")
        await email.fill("ada@")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(email).to_have_css(
            "outline-color", re.compile(r"^color\(srgb 0\.70\d* 0\.14")
        )  # of errors
        await look(page, "a malformed address", tag)
        await email.fill(person)
        await page.keyboard.press("Enter")
        await expect(page.locator("[part~=clock]")).to_be_visible()
        await look(page, "sent", tag)
        await page.goto("/phone-card")
        await expect(button).to_be_visible()
        place = await button.bounding_box()
        await button.click()
        await expect(page.locator("[part~=clock]")).to_be_visible()
        assert await button.bounding_box() == place, "it stays where it was pressed"
        await look(page, "the card", tag)
        await keyturn.deliver()
        await page.goto(f"/phone-reset?token={await keyturn.link(person)}")
        await page.locator("[part=reveal]").first.click()
        await page.locator("#password").fill(NEW_PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await look(page, "two different passwords", tag)
        await page.goto("/phone-reset?token=x")
        await expect(button).to_be_visible()
        await look(page, "a dead link", tag)


@pytest.mark.usefixtures("keyturn")
@pytest.mark.parametrize(
    ("lang", "heading"), [("de-AT", "Passwort vergessen?"), ("ar", "هل نسيت كلمة المرور؟")]
)
async def test_it_speaks_the_language_of_the_page_around_it(
    lang: str, heading: str, app: App
) -> None:
    app.pages["spoken"] = f'<section lang="{lang}">{FORGOT}</section>'
    async with app.open("/spoken", locale="fr-FR") as page:
        await expect(page.get_by_role("heading")).to_have_text(heading)
        await expect(page.get_by_role("heading")).to_have_css(
            "direction", "rtl" if lang == "ar" else "ltr"
        )


@pytest.mark.usefixtures("keyturn")
async def test_its_words_its_level_and_its_colours_can_be_changed(app: App) -> None:
    app.pages["own"] = FORGOT.replace(
        " url", """ texts='{"forgotLead": "", "send": "Mail me a link"}' url"""
    )
    app.pages["level"] = FORGOT.replace(" url", ' heading-level="3" url')
    style = (
        "keyturn-forgot { --keyturn-accent: rgb(120, 0, 60); } ::part(button) { border-radius: 0; }"
    )
    async with app.open("/own", bypass_csp=True) as page:
        await page.add_style_tag(content=style)
        button = page.get_by_role("button", name="Mail me a link")
        await expect(button).to_have_css("background-color", "rgb(120, 0, 60)")
        await expect(button).to_have_css("border-radius", "0px")
        await expect(page.locator("[part=lead]")).to_have_count(0)
        await page.goto("/level")
        await expect(page.get_by_role("heading", level=3)).to_be_visible()


LIGHT = RESET.replace(" url", " light url")
STYLES = (
    "['h2', 'input', 'li'].map(tag => "
    "Object.values(getComputedStyle(document.querySelector(tag))).join())"
)
IDS = "[...document.querySelectorAll('[id]')].map(found => found.id)"
FIELDS = """() => [...document.querySelectorAll('form input')]
    .filter(field => field.type != 'hidden')
    .map(field => [
        field.type, field.name, field.autocomplete, field.form != null, field.labels?.length ?? 0
    ])"""


async def test_a_password_is_set_in_a_form_of_the_page_with_what_a_password_manager_reads(
    app: App, keyturn: Service
) -> None:
    lucy = (await keyturn.add("lucy@northwind.test")).email
    app.pages["light"] = f"<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>{LIGHT}"
    app.pages["plain"] = "<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>"
    async with app.open("/plain") as page:
        plain = await page.evaluate(STYLES)
    async with app.open(f"/light?token={await keyturn.link(lucy)}") as page:
        field = page.get_by_label("New password", exact=True)
        await expect(field).to_be_visible()
        assert await page.evaluate(STYLES) == plain, "it leaves the page alone"
        assert len(ids := await page.evaluate(IDS)) == len(set(ids))
        assert await page.evaluate(FIELDS) == [
            ["email", "", "username", True, 0],
            ["password", "password", "new-password", True, 1],
            ["password", "again", "new-password", True, 1],
        ]
        await expect(field).to_have_attribute("autocorrect", "off")
        await choose(page, "short", "short")
        await expect(field).to_have_accessible_description(
            re.compile(r"^Not met yet: at least 12 characters\. ")
        )
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()
    assert await keyturn.knows(NEW_PASSWORD, lucy)


@pytest.mark.usefixtures("keyturn")
async def test_two_light_elements(app: App) -> None:
    """Two light elements of a kind share no id, so each label and each error is that of its own
    field.
    """
    app.pages["two"] = FORGOT.replace(" url", " light url") * 2
    async with app.open("/two") as page:
        second = page.locator("keyturn-forgot").nth(1)
        await expect(second.get_by_role("textbox")).to_be_visible()
        await expect(page.locator("keyturn-forgot").nth(0).get_by_role("textbox")).to_be_visible()
        assert len(ids := await page.evaluate(IDS)) == len(set(ids))
        assert [field[4] for field in await page.evaluate(FIELDS)] == [1, 1]
        await second.get_by_role("textbox").fill("nobody")
        await second.get_by_role("button").click()
        await expect(second.get_by_role("textbox")).to_have_accessible_description(
            re.compile("Enter a full email")
        )
