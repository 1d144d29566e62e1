"""Headers, cookies and files: what keeps a page safe in a browser."""

import re

import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, cookie
from tests.spec.pages.school import OpenSchool, visiting

from keyturn import Account

pytestmark = pytest.mark.long

FORGOT, RESET, LOGIN = "/forgot-password", "/reset-password", "/login"
ASSET = re.compile(r'(?:href|src)="(/keyturn-assets/[^"]+)"')


async def test_every_answer_carries_the_security_headers(visitor: Visitor) -> None:
    gets = (
        FORGOT,
        RESET,
        f"{RESET}/abc",
        LOGIN,
        "/viewer-settings/security",
        "/keyturn-assets/0/nothing.css",
    )
    for method, path in (
        *(("GET", path) for path in gets),
        ("POST", LOGIN),
        ("POST", "/logout"),
        ("HEAD", FORGOT),
    ):
        headers = (await visitor.client.request(method, path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        policy = headers["content-security-policy"].split("; ")
        assert {
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
        } <= set(policy)
        assert "unsafe" not in headers["content-security-policy"]


async def test_no_page_has_inline_code_or_a_foreign_address_or_is_listed_by_search_engines(
    visitor: Visitor,
) -> None:
    for path in (FORGOT, f"{FORGOT}?another", RESET, LOGIN):
        answer = await visitor.get(path)
        assert answer.headers["x-robots-tag"] == "noindex"
        page = answer.text
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|javascript:", page
        )
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


async def test_over_https_each_cookie_is_secure_by_name(
    school: Service, ada: Account, open_school: OpenSchool
) -> None:
    token = await school.link(ada.email)
    visitor = visiting(await open_school(base_url="https://northwind.example"))
    held = cookie(await visitor.get(LOGIN), "__Host-keyturn_form")
    assert {"secure", "httponly"} <= held.keys()
    assert held["samesite"] == "lax"
    assert "secure" in cookie(await visitor.submit(FORGOT, email=ADA), "__Secure-keyturn_asked")
    assert "secure" in cookie(await visitor.get(f"{RESET}/{token}"), "__Secure-keyturn_link")
    assert (await visitor.get(RESET)).status_code == 200


async def test_files_are_kept_for_ever_by_address_of_contents(
    visitor: Visitor, open_school: OpenSchool
) -> None:
    urls = ASSET.findall((await visitor.get(LOGIN)).text)
    types = {
        url.rpartition(".")[2]: (await visitor.get(url)).headers["content-type"] for url in urls
    }
    assert types == {
        "svg": "image/svg+xml",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
    }
    for url in urls:
        visitor.client.cookies.clear()
        answer = await visitor.get(url)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "set-cookie" not in answer.headers
    for name in ("..%2Frouter.py", "%2e%2e%2frouter.py", "..%5Crouter.py", "page.html"):
        assert (await visitor.get(f"/keyturn-assets/0/{name}")).status_code == 404
    other = visiting(await open_school(brand={"name": "Another school"}))
    assert not set(urls) & set(ASSET.findall((await other.get(LOGIN)).text))


async def test_stylesheets_and_scripts_come_compressed_to_those_who_take_it(
    visitor: Visitor,
) -> None:
    (url,) = {
        url for url in ASSET.findall((await visitor.get(LOGIN)).text) if url.endswith("pages.css")
    }
    for accepted, encoding in (
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0, br", None),
        ("identity", None),
    ):
        answer = await visitor.client.get(url, headers={"Accept-Encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "--sans:" in answer.text
