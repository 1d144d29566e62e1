"""A person with a browser that runs no scripts, and what a page says to them."""

import html
import re

import httpx2
from tests.driver.service import ADA, PASSWORD


class Visitor:
    """Somebody with a browser that runs no scripts and follows no redirect by itself."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=headers)

    async def submit(self, page: str, action: str | None = None, **fields: str) -> httpx2.Response:
        """Load `page` and send the form on it that goes to `action`, the page itself if that is not
        said.
        """
        form = await self.client.get(page)
        return await self.client.post(
            action or page, data={"_csrf_token": form_token(form), **fields}
        )

    async def follow(self, answer: httpx2.Response) -> httpx2.Response:
        assert answer.status_code == 303, answer.text
        return await self.client.get(answer.headers["location"])

    async def sign_in(
        self, email: str = ADA, password: str = PASSWORD, **fields: str
    ) -> httpx2.Response:
        return await self.submit("/login", email=email, password=password, **fields)


def form_token(page: httpx2.Response) -> str:
    found = re.search(r'name="_csrf_token" value="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found[1]


def words(page: httpx2.Response) -> str:
    """Return what can be read on a page, on one line."""
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    body = page.text[page.text.index("<body") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def heading(page: httpx2.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    assert found, page.text
    return html.unescape(found[1])


def cookie(answer: httpx2.Response, name: str) -> dict[str, str]:
    """Return a cookie that the answer sets: its attributes by their names in lower case, and its
    "value".
    """
    for header in answer.headers.get_list("set-cookie"):
        pair, *attributes = [part.strip() for part in header.split(";")]
        if pair.partition("=")[0] == name:
            named = (attribute.partition("=") for attribute in attributes)
            return {"value": pair.partition("=")[2].strip('"')} | {
                key.lower(): value for key, _, value in named
            }
    raise AssertionError(f"{name} is not set")
