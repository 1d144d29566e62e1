"""The documentation site: `just docs`."""

import re
import sys
from pathlib import Path

import pytest
from tests.servers.processes import output_of

CHECKOUT = Path(__file__).parents[3]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(folder),
    ]
    output_of(command, CHECKOUT)
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    elsewhere = (
        r"<(?:script|img|iframe|source)[^>]*\s(?:src|srcset)=[\"']?(?:https?:)?//"
        r"|<link[^>]*stylesheet[^>]*//"
    )
    assert [
        page.name for page in site.rglob("*.html") if re.search(elsewhere, page.read_text("utf-8"))
    ] == []


def test_an_operator_without_a_clone_gets_the_files_to_deploy_with_from_the_site(
    site: Path,
) -> None:
    shipped = [
        file for file in (CHECKOUT / "deploy").rglob("*") if file.is_file() and file.suffix != ".md"
    ]
    copies = {
        file: site / file.relative_to(CHECKOUT) for file in shipped if file.parent.name != "secrets"
    }
    assert [
        file.name for file, copy in copies.items() if copy.read_bytes() != file.read_bytes()
    ] == []
    linked = re.findall(r'href="(deploy/[^"]+)"', (site / "deploying.html").read_text("utf-8"))
    assert {
        "deploy/systemd/keyturn.service",
        "deploy/nginx/keyturn.conf",
        "deploy/kubernetes/api.yaml",
    } <= set(linked)


def test_the_references_come_from_the_code(site: Path) -> None:
    for page, words in {
        "reference/commands.html": ["keyturn outbox retry", "--dry-run"],
        "reference/rules.html": ["contrast/light"],
        "python.html": ["AccountStore", "set_password_within", "KeyturnPlugin"],
        "settings.html": ["KEYTURN_SECRET_KEY"],
    }.items():
        article = (
            (site / page).read_text("utf-8").partition("<article")[2].partition("</article>")[0]
        )
        text = re.sub(r"<[^>]+>", "", article)
        assert [word for word in words if word not in text] == [], page
        assert "Sentinel" not in text
