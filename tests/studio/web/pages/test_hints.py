"""What a preview does not show is said above it; texts that run from right to left stand right in every row."""

import re
from pathlib import Path

from tests.studio.web.fixtures import Client

HEAD = '<link href="https://fonts.example/css2?family=A" rel="stylesheet">'


def page(folder: Path, client: Client, query: str = "", head: str = "", body: str = "<p>Hello</p>") -> str:
    (folder / "news.html").write_text(
        f"<html><head><title>أهلا</title>{head}</head><body>{body}</body></html>", "utf-8"
    )
    return client.get(f"/studio/templates/news{query}").text


def hints(html: str) -> list[str]:
    found = re.search(r'<ul class="hints".*?</ul>', html, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", found[0]) if found else []


def test_dark_says_so_where_a_mail_has_no_dark_styles(folder: Path, client: Client) -> None:
    assert hints(page(folder, client, "?scheme=dark"))[0].startswith("This mail has no dark styles")
    styles = "<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>"
    assert hints(page(folder, client, "?scheme=dark", styles)) == []


def test_web_fonts_are_never_loaded(folder: Path, client: Client) -> None:
    (hint,) = hints(page(folder, client, head=HEAD))
    assert hint.startswith("Web fonts are off")
    policy = client.get("/studio/frames/news").headers["content-security-policy"]
    assert "style-src 'unsafe-inline'; font-src data:;" in policy
