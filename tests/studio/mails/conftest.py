"""A brand, its templates and a language."""

import html
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
import pytest
from babel import Locale

from keyturn.mail.languages import PACKAGED, Language, Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.packaging import folder
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.settings import Brand

NORTHWIND = Brand(
    name="Northwind School", support_address="help@northwind.example", postal_address="12 Harbour Street, Leeds"
)
LANGUAGES = Languages("UTC", PACKAGED)
BLANKS = "\u034f\u200c\u00a0 \n"


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
        return Templates(
            folder("email_templates"), Theme.of(brand, LANGUAGES, "https://account.northwind.example").globals
        )

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
