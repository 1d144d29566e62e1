"""What a brand brings to the pages: its logos, its corners and grounds, each within the policy."""

import re
from pathlib import Path

import pytest
from tests.driver.pictures import PNG, SVG
from tests.driver.service import Service
from tests.driver.visitor import Visitor
from tests.spec.pages.school import OpenSchool

from keyturn import Account

pytestmark = pytest.mark.long


@pytest.fixture
async def school(tmp_path: Path, open_school: OpenSchool) -> Service:
    for name, content in {"a.svg": SVG, "b.svg": SVG + b"<!-- dark -->", "c.png": PNG}.items():
        (tmp_path / name).write_bytes(content)
    brand = {
        "name": "Northwind School",
        "logo": f"{tmp_path}/a.svg",
        "logo_dark": f"{tmp_path}/b.svg",
        "mail_logo": f"{tmp_path}/c.png",
        "logo_width": 140,
        "radius": 4,
        "font": '"Source Sans 3", serif',
        "ground": "#eef2f0",
    }
    kinds = {"school": {"brand": {"logo": f"{tmp_path}/c.png", "logo_dark": ""}}}
    return await open_school(brand=brand, kinds=kinds)


def picture(page: str) -> tuple[str, str, str]:
    """Return where the logo of a page is in dark and in light, and the rest of its tag."""
    found = re.search(r'srcset="([^"]+)">\s*<img src="([^"]+)" ([^>]*)>', page)
    assert found, page
    return found[1], found[2], found[3]


async def test_the_logo_has_its_size_is_one_for_dark_may_be_kept_and_is_shown_in_webmail(
    visitor: Visitor,
) -> None:
    dark, light, rest = picture((await visitor.get("/login")).text)

    assert rest == 'alt="Northwind School" width="140" height="32"'
    assert (await visitor.get(light)).content == SVG
    assert (await visitor.get(dark)).content.endswith(b"<!-- dark -->")
    headers = (await visitor.get(light)).headers

    assert headers["content-type"] == "image/svg+xml"
    assert headers["x-content-type-options"] == "nosniff"
    assert (
        headers["content-security-policy"]
        == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    # A mail that was sent holds the address of the logo that there was then.
    older = await visitor.get(re.sub(r"assets/\w+/", "assets/0123456789ab/", light))
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-store")


async def test_the_logo_of_mails_is_where_they_say(
    visitor: Visitor, school: Service, ada: Account
) -> None:
    await school.ask_and_deliver(ada.email)
    (path,) = re.findall(r'src="https?://[^/]+(/keyturn-assets/[^"]+)"', school.inbox.mails[0].html)
    answer = await visitor.get(path)
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")


async def test_corners_letters_and_grounds_are_variables(visitor: Visitor) -> None:
    page = await visitor.get("/login")
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)

    names = [sheet.rpartition("/")[2] for sheet in sheets]
    assert names == ["brand.css", "pages.css", "no-script.css"]
    css = (await visitor.get(sheets[0])).text
    for variable in (
        "--radius: 4px;",
        '--brand-font: "Source Sans 3", serif;',
        "--ground: #eef2f0;",
    ):
        assert variable in css
    policy = page.headers["content-security-policy"]
    assert "style-src 'self'; script-src 'self'" in policy
    assert "img-src 'self';" in policy


async def test_a_kind_has_its_own_logo_and_the_rest_of_the_brand(
    visitor: Visitor, school: Service
) -> None:
    await school.add("office@northwind.test", kind="school")
    page = await visitor.follow(await visitor.sign_in("office@northwind.test"))
    assert "<source" not in page.text
    (logo,) = re.findall(r'<img src="([^"]+)"', page.text)
    assert (await visitor.get(logo)).content == PNG
    assert logo.rpartition("/")[2] != "logo.png"
