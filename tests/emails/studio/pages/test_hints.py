"""What a drawing does not show is said above it; texts that run from right to left stand right in every row."""

import re
from pathlib import Path

from tests.emails.studio.fixtures import Client

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


def test_a_subject_that_runs_from_right_to_left_does_so_in_every_row(folder: Path, client: Client) -> None:
    shown = page(folder, client, "?tab=headers")
    rows = re.findall(r"<(\w+)([^>]*)>أهلا", shown)
    assert len(rows) >= 6
    assert all('dir="auto"' in attributes for _, attributes in rows if "strong" not in _ and "title" not in _)


def test_a_folder_that_is_gone_is_said_to_be(folder: Path, client: Client) -> None:
    folder.rename(folder.with_name("elsewhere"))
    assert "<h2>The folder is gone</h2>" in client.get("/studio").text
