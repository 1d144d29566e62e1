"""A mail of Northwind School's: in two languages, and as a reader sees it."""

import html
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from tests.studio.samples import branded

from keyturn.mail.languages.language import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps

BLANKS = "\u034f\u200c\u00a0 \n"


@pytest.fixture(scope="session")
def english() -> Language:
    return Language(Locale.parse("en"), ZoneInfo("UTC"))


@pytest.fixture(scope="session")
def arabic() -> Language:
    return Language(Locale.parse("ar"), ZoneInfo("UTC"))


@pytest.fixture(scope="session")
def render(english: Language) -> Callable[[EmailProps], Rendered]:
    """Render for Northwind School in English."""
    templates = branded()
    return lambda props: templates.render(props, english)


@pytest.fixture(scope="session")
def seen() -> Callable[[Rendered], str]:
    """Return the HTML part as a reader sees it, without its mark-up and on one line."""

    def words(mail: Rendered) -> str:
        body = re.sub(
            r"<!--.*?-->", "", mail.html[mail.html.index('<div aria-label="') :], flags=re.DOTALL
        )
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).strip(BLANKS).split())

    return words
