"""The words of the elements: what a script says, what the service has, and what the types know are the same."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.driver.service import Service
from tests.every_language import TAGS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

FRONTEND = Path(__file__).parents[2] / "frontend"


async def texts(keyturn: Service, tag: str = "en") -> Mapping[str, str]:
    """Return what the service gives the elements to say in a language."""
    answer = (await keyturn.anywhere().get("/api/auth/texts", params={"lang": tag})).json()
    assert answer["lang"] == tag
    found: Mapping[str, str] = answer["texts"]
    return found


async def test_every_word_has_a_type_and_every_type_a_word(keyturn: Service) -> None:
    types = (FRONTEND / "keyturn.d.ts").read_text()
    typed = re.search(r"type Texts = Record<(.*?),\s+string", types, re.DOTALL)
    assert typed
    assert set(re.findall(r'"(\w+)"', typed[1])) == set(await texts(keyturn))


async def test_every_word_that_is_said_is_there(keyturn: Service) -> None:
    sources = "".join(path.read_text() for path in (FRONTEND / "keyturn").glob("*.js"))
    said = re.findall(r'(?:say|button)\("(\w+)"|link\("[\w-]+", "(\w+)"', sources)
    words = await texts(keyturn)

    assert {one or other for one, other in said} <= set(words)
    assert {tag for tag in TAGS if await texts(keyturn, tag) == words} == {"en"}
