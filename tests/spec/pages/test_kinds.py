"""What differs between kinds of accounts: where their settings are, and the brand."""

import re
from functools import partial

import httpx2
import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, form_token, heading, words
from tests.spec.pages.school import OpenSchool, asked, visiting

pytestmark = pytest.mark.long

OFFICE, PUPIL, GUEST = "office@harbour.example", "pupil@northwind.test", "guest@northwind.test"
ELSEWHERE = "https://app.northwind.example/settings"
PURPLE = "#5b3a8c"


@pytest.fixture
def open_school(open_school: OpenSchool) -> OpenSchool:
    kinds = {
        "school": {
            "settings_url": "{base_url}/school-settings/security",
            "brand": {
                "name": "Harbour <Primary>",
                "accent": PURPLE,
                "logo": "https://cdn.harbour.example/logo.png",
            },
        },
        "pupil / with a strange name": {"brand": {"name": "Pupils"}},
        "viewer": {"settings_url": ELSEWHERE},
    }
    return partial(open_school, kinds=kinds)


@pytest.fixture
async def school(open_school: OpenSchool) -> Service:
    school = await open_school()
    await school.add(OFFICE, kind="school")
    await school.add(PUPIL, kind="pupil / with a strange name")
    await school.add(GUEST, kind="guest")
    return school


async def stylesheet(page: httpx2.Response, visitor: Visitor) -> str:
    (address,) = re.findall(r'href="(/keyturn-assets/[^"]*brand\.css)"', page.text)
    answer = await visitor.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    return answer.text


async def test_the_settings_have_the_brand_of_the_kind(visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.sign_in(OFFICE))
    assert page.url.path == "/school-settings/security"
    assert heading(page) == "Security settings"
    assert 'src="https://cdn.harbour.example/logo.png" alt="Harbour &lt;Primary&gt;"' in page.text
    assert "img-src 'self' https://cdn.harbour.example;" in page.headers["content-security-policy"]
    assert f"--accent: {PURPLE};" in await stylesheet(page, visitor)
    (icon,) = re.findall(r'href="(/keyturn-assets/[^"]*icon\.svg)"', page.text)
    assert ">H</text>" in (await visitor.get(icon)).text


async def test_what_a_kind_does_not_say_is_as_for_all_and_an_unknown_kind_is_none(
    visitor: Visitor, open_school: OpenSchool
) -> None:
    page = await visitor.follow(await visitor.sign_in(PUPIL))
    assert (page.url.path, heading(page)) == ("/security-settings", "Security settings")
    assert '<p class="brand">Pupils</p>' in page.text
    assert await stylesheet(page, visitor) == await stylesheet(
        await visitor.get("/forgot-password"), visitor
    )
    visitor.client.cookies.clear()
    page = await visitor.follow(await visitor.sign_in(GUEST))
    assert (page.url.path, heading(page)) == ("/security-settings", "Security settings")
    assert '<p class="brand">Northwind School</p>' in page.text
    plain = await open_school(kinds={})
    visitor = visiting(plain)
    await plain.add("ada@harbour.example", kind="school")
    assert (await visitor.sign_in("ada@harbour.example")).headers[
        "location"
    ] == "/security-settings"
    assert (await visitor.get("/school-settings/security")).status_code == 404


async def test_a_link_s_page_is_the_kind_s_even_with_a_mistake_and_no_other(
    visitor: Visitor, school: Service
) -> None:
    await visitor.get(f"/reset-password/{await school.link(OFFICE)}")
    for page in (
        await visitor.get("/reset-password"),
        await visitor.submit("/reset-password", password="x", again="y"),
    ):
        assert "Harbour &lt;Primary&gt;</title>" in page.text
    named = await visitor.submit(
        "/reset-password", password="Harbour-Primary-1", again="Harbour-Primary-1"
    )
    assert "Not met yet: not your address or the name of the site." in words(named)
    await visitor.get("/reset-password/x")
    for path in ("/reset-password", "/login", "/forgot-password"):
        assert "Northwind School</title>" in (await visitor.get(path)).text


@pytest.mark.parametrize("elsewhere", ["", "https://app.northwind.example/login"])
async def test_after_a_change_the_page_is_the_kind_s(
    school: Service, elsewhere: str, open_school: OpenSchool
) -> None:
    visitor = visiting(await open_school(sign_in_url=elsewhere))
    await visitor.get(f"/reset-password/{await school.link(OFFICE)}")
    new = "eleven loud lighthouses"
    page = await visitor.follow(await visitor.submit("/reset-password", password=new, again=new))
    assert "Your password was changed" in words(page)
    assert "Harbour &lt;Primary&gt;</title>" in page.text


async def test_who_has_the_settings_in_the_app_is_sent_there(
    visitor: Visitor, school: Service
) -> None:
    await school.add(ADA, kind="viewer")
    assert (await visitor.sign_in()).headers["refresh"] == f"0; url={ELSEWHERE}"
    form = await visitor.get("/forgot-password")
    token = form_token(form)
    for path in ("/security-settings", "/school-settings/security", "/login"):
        assert (await visitor.get(path)).headers["location"] == ELSEWHERE
    answer = await visitor.client.post("/security-settings", data={"_csrf_token": token})
    assert answer.headers["refresh"] == f"0; url={ELSEWHERE}"
    assert f'href="{ELSEWHERE}"' in answer.text
    assert await asked(school) == []
