"""The words of the elements: what the service has and what the types know are the same."""

import re
from pathlib import Path

import pytest
from tests.driver.service import Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

FRONTEND = Path(__file__).parents[3] / "frontend"


async def test_every_word_has_a_type_and_every_type_a_word(keyturn: Service) -> None:
    types = (FRONTEND / "keyturn.d.ts").read_text()
    typed = re.search(r"type Texts = Record<(.*?),\s+string", types, re.DOTALL)
    assert typed
    answer = (await keyturn.anywhere().get("/api/auth/texts", params={"lang": "en"})).json()
    assert set(re.findall(r'"(\w+)"', typed[1])) == set(answer["texts"])
