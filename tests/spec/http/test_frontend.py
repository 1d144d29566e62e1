"""How the service serves keyturn.js to pages of other origins, caches and programs."""

import re
from pathlib import Path

import pytest
from tests.driver.service import Service, Start

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

APP = "https://app.example.org"
CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("listed", [True, False], ids=["an origin on the list", "any origin"])
async def test_the_module_is_anybody_s(listed: bool, start: Start) -> None:
    service = await start(server={"allowed_origins": (APP,) if listed else ()})
    answer = await service.anywhere().get("/keyturn.js", headers={"Origin": APP})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] in {"*", APP}
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "set-cookie" not in answer.headers


async def test_an_unchanged_file_is_not_sent_again_and_its_types_come_along(
    service: Service,
) -> None:
    async with service.anywhere() as client:
        first = await client.get("/keyturn.js")
        again = await client.get("/keyturn.js", headers={"If-None-Match": first.headers["etag"]})
        other = await client.get("/keyturn.js", headers={"If-None-Match": '"of another version"'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.content == first.content
    types = await service.anywhere().get("/keyturn.d.ts")
    words = (await service.anywhere().get("/api/auth/texts")).json()["texts"]
    typed = re.search(r"type Texts = Record<(.*?),\s+string", types.text, re.DOTALL)
    assert typed
    assert set(re.findall(r'"(\w+)"', typed[1])) == set(words), "every word has a type"
    assert types.headers["content-type"].startswith("text/plain")
    assert "export declare function createClient" in types.text


async def test_it_is_one_small_file_that_comes_compressed_and_needs_nothing_else(
    service: Service,
) -> None:
    plain, small = [
        await service.anywhere().get("/keyturn.js", headers={"Accept-Encoding": one})
        for one in ("identity", "gzip")
    ]
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    text = plain.text
    assert re.findall(r"^(?:import|export).*", text, re.MULTILINE) == [
        "export { createClient, KeyturnError };"
    ]
    assert not re.search(r"innerHTML|\beval\b|Function\(|\.style\b(?!\.setProperty)", text)
    assert len(text.encode()) < 44_000


async def test_it_looks_like_the_brand_where_a_page_says_nothing(start: Start) -> None:
    brand = {
        "name": "Northwind",
        "accent": "#5a34c8",
        "accent_dark": "#b9a6ff",
        "radius": 3,
        "font": "Georgia, serif",
    }
    text = (await (await start(brand=brand)).anywhere().get("/keyturn.js")).text
    for look in (
        "--brand-accent: light-dark(#5a34c8, #b9a6ff);",
        "--brand-on-accent: light-dark(#ffffff, #0b1f18);",
        "--brand-radius: 3px;",
        "--brand-font: Georgia, serif, system-ui;",
    ):
        assert look in text
    assert "#14614b" not in text


async def test_it_looks_like_the_npm_package_without_a_brand(service: Service) -> None:
    text = (await service.anywhere().get("/keyturn.js")).text
    packaged = (CHECKOUT / "frontend" / "keyturn" / "brand.js").read_text("utf-8")
    rule = packaged.splitlines()[-1]
    assert rule.startswith("export const BRAND")
    assert rule.removeprefix("export ") in text


async def test_the_words_come_in_every_language(service: Service) -> None:
    async with service.anywhere() as client:
        german = await client.get("/api/auth/texts", params={"lang": "de-AT"})
        asked = await client.get("/api/auth/texts", headers={"Accept-Language": "ar"})
        unknown = await client.get(
            "/api/auth/texts", params={"lang": "tlh"}, headers={"Accept-Language": "es"}
        )
    assert german.headers["content-language"] == german.json()["lang"] == "de"
    assert german.headers["cache-control"] == "public, max-age=3600"
    assert german.json()["texts"]["for"] == "Für {email}"
    assert "Er gilt 30 Minuten." in german.json()["texts"]["sentLead"]
    assert (asked.json()["lang"], asked.json()["dir"]) == ("ar", "rtl")
    assert asked.headers["cache-control"] == "no-store"
    assert unknown.json()["lang"] == "es"
