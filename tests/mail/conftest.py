"""A brand, its templates, a language, and the golden files."""

import difflib
import html
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from babel import Locale

from keyturn.languages import Language
from keyturn.mail.palette import palette_for
from keyturn.mail.render import EmailProps, Rendered, Templates
from keyturn.resources import folder
from keyturn.settings import Brand

NORTHWIND = Brand(
    name="Northwind School", support_address="help@northwind.example", postal_address="12 Harbour Street, Leeds"
)
BLANKS = "\u034f\u200c\u00a0 \n"
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(scope="session")
def english() -> Language:
    return Language(Locale.parse("en"), ZoneInfo("UTC"))


@pytest.fixture(scope="session")
def arabic() -> Language:
    return Language(Locale.parse("ar"), ZoneInfo("UTC"))


@pytest.fixture(scope="session")
def branded() -> Callable[..., Templates]:
    """Return the shipped templates for Northwind School, with any of its brand's fields replaced."""

    def make(**fields: object) -> Templates:
        brand = msgspec.structs.replace(NORTHWIND, **fields)
        palette, _ = palette_for(brand.accent, brand.accent_dark)
        return Templates(folder("email_templates"), msgspec.structs.asdict(brand), palette)

    return make


@pytest.fixture(scope="session")
def render(branded: Callable[..., Templates], english: Language) -> Callable[[EmailProps], Rendered]:
    """Render for Northwind School in English."""
    templates = branded()
    return lambda props: templates.render(props, english)


@pytest.fixture(scope="session")
def seen() -> Callable[[Rendered], str]:
    """Return the HTML part as a reader sees it, without its mark-up and on one line."""

    def words(mail: Rendered) -> str:
        body = re.sub(r"<!--.*?-->", "", mail.html[mail.html.index('<div aria-label="') :], flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).strip(BLANKS).split())

    return words


@pytest.fixture(scope="session")
def golden(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or write it, with --accept."""

    def same(name: str, text: str) -> None:
        file = SNAPSHOTS / name
        if pytestconfig.getoption("--accept"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8", newline="\n")
        before = file.read_text("utf-8") if file.exists() else ""
        if before != text:
            diff = difflib.unified_diff(before.splitlines(), text.splitlines(), "golden", "rendered", lineterm="")
            pytest.fail("\n".join([f"{file} differs; if it should: pytest --accept", *diff]), pytrace=False)

    return same
