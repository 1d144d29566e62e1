"""keyturn studio --export: the mails as plain pages."""

import shutil
from pathlib import Path

import pytest
from tests.cli.command import Keyturn
from tests.emails.gallery.test_folders import FOLDERS

pytestmark = pytest.mark.long


@pytest.fixture
def shop(workplace: Path) -> Path:
    shutil.copytree(FOLDERS / "shop", workplace / "emails")
    return workplace / "emails"


def test_an_export_says_where_it_is(keyturn: Keyturn, shop: Path) -> None:
    shown = keyturn("studio", str(shop), "--export", "site")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out == f"3 mails in {Path('site/index.html').resolve().as_uri()}\n"
    assert len(list(Path("site/mails").rglob("*.html"))) == 3


def test_what_cannot_be_drawn_is_named_and_ends_with_1(keyturn: Keyturn, shop: Path) -> None:
    (shop / "order_shipped.html").write_text("{% if %}")

    shown = keyturn("studio", str(shop), "--export", "site")

    assert shown.code == 1
    assert shown.out.startswith("2 mails in ")
    assert shown.err.startswith("Cannot be rendered: order_shipped.html:1:1: ")


def test_one_mail_is_counted_as_one(keyturn: Keyturn, workplace: Path) -> None:
    (workplace / "emails").mkdir()
    (workplace / "emails" / "hello.html").write_text("<p>Hello</p>")

    assert keyturn("studio", "emails", "--export", "site").out.startswith("1 mail in ")


def test_a_folder_that_holds_something_else_is_refused(keyturn: Keyturn, shop: Path) -> None:
    shown = keyturn("studio", str(shop), "--export", str(shop))

    assert shown.code == 1
    assert shown.err == f"keyturn: {shop} contains other files; name a new or empty folder\n"
    assert (shop / "order_shipped.html").is_file()


def test_a_folder_without_templates_is_not_exported(keyturn: Keyturn, workplace: Path) -> None:
    (workplace / "emails").mkdir()

    shown = keyturn("studio", "emails", "--export", "site")

    assert shown.code == 1
    assert "emails has no templates" in shown.err
    assert not Path("site").exists()
