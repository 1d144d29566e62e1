"""The documentation site: `just docs`."""

import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.async_api import Browser

from keyturn.emails.lint.explaining import all_rules

CHECKOUT = Path(__file__).parents[1]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


class Elements(HTMLParser):
    """Counts what lists and code become, in the page's own part."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.counts = Counter[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - as the parser calls it
        if tag in {"li", "ol", "ul", "pre", "table", "tr"}:
            self.counts[tag] += 1


def article(html: str) -> str:
    return html.partition("<article")[2].partition("</article>")[0]


def test_every_page_of_the_docs_has_the_lists_tables_and_code_that_its_markdown_says(site: Path) -> None:
    reader = MarkdownIt("commonmark").enable("table")
    pages = [page for page in site.rglob("*.md") if page.parent.name != "reference"]
    assert len(pages) >= len(list((CHECKOUT / "docs").rglob("*.md")))
    differing = {
        page.name: (meant, built)
        for page in pages
        if (meant := Elements(reader.render(page.read_text("utf-8"))).counts)
        != (built := Elements(article(page.with_suffix(".html").read_text("utf-8"))).counts)
    }
    assert not differing


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\s(?:src|srcset)=[\"']?(?:https?:)?//|<link[^>]*stylesheet[^>]*//"
    )
    pages = list(site.rglob("*.html"))
    assert [page.name for page in pages if loaded.search(page.read_text("utf-8"))] == []


def test_llms_txt_lists_the_markdown_of_every_page_in_a_sentence(site: Path) -> None:
    lines = (site / "llms.txt").read_text("utf-8").splitlines()
    listed = [match for line in lines if (match := re.fullmatch(r"- \[(.+?)\]\((.+?\.md)\): (\S.*)", line))]

    assert lines[0] == "# Keyturn"
    assert len(listed) == len([line for line in lines if line.startswith("- ")])
    assert {match[2] for match in listed} == {str(page.relative_to(site)) for page in site.rglob("*.md")}


def test_an_operator_without_a_clone_gets_the_files_to_deploy_with_from_the_site(site: Path) -> None:
    shipped = [file for file in (CHECKOUT / "deploy").rglob("*") if file.is_file() and file.suffix != ".md"]
    shipped = [file for file in shipped if file.parent.name != "secrets"]
    copies = {file: site / file.relative_to(CHECKOUT) for file in shipped}
    assert [file.name for file, copy in copies.items() if copy.read_bytes() != file.read_bytes()] == []
    linked = re.findall(r'href="(deploy/[^"]+)"', (site / "deploying.html").read_text("utf-8"))
    assert {"deploy/systemd/keyturn.service", "deploy/nginx/keyturn.conf", "deploy/kubernetes/api.yaml"} <= set(linked)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("reference/commands.html", ["keyturn outbox retry", "--lock-timeout"]),
        ("reference/operations.html", ["POST /api/auth/request-password-reset", "newPassword"]),
        ("reference/python.html", ["AccountStore", "set_password_within", "KeyturnConfig"]),
        ("settings.html", ["KEYTURN_SECRET_KEY"]),
        ("architecture.html", ["src/keyturn/"]),
    ],
)
def test_the_references_come_from_the_code(site: Path, page: str, words: list[str]) -> None:
    text = re.sub(r"<[^>]+>", "", article((site / page).read_text("utf-8")))
    assert [word for word in words if word not in text] == []
    assert "Sentinel" not in text


@pytest.mark.asyncio(loop_scope="session")
async def test_the_search_works_from_files_and_asks_no_host(site: Path, browser: Browser) -> None:
    page = await browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: None if request.url.startswith("file:") else requests.append(request.url))
    await page.goto((site / "index.html").as_uri())
    await page.get_by_role("textbox", name="Search").fill("idempotency")
    await page.locator(".md-search-result__item").first.wait_for(timeout=20_000)

    assert "idempotency" in (await page.locator(".md-search-result__list").inner_text()).lower()
    assert requests == []
    await page.close()


def test_the_page_about_the_rules_of_the_check_has_every_rule_once(site: Path) -> None:
    page = (site / "reference/rules.md").read_text("utf-8")

    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == [one.rule for one in all_rules()]
