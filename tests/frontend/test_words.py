"""The words of the elements: what a script says, what the service has, and what the types know are the same."""

import re
from pathlib import Path

import pytest

from keyturn.mail.languages import Languages, SourceTexts
from keyturn.packaging import folder
from keyturn.service.api.form_texts import form_texts

pytestmark = pytest.mark.long


def test_every_word_has_a_type_and_every_type_a_word() -> None:
    types = (folder("frontend") / "keyturn.d.ts").read_text()
    typed = re.search(r"type Texts = Record<(.*?),\s+string", types, re.DOTALL)
    assert typed
    assert set(re.findall(r'"(\w+)"', typed[1])) == set(form_texts(SourceTexts(), "30 minutes"))


def test_every_word_that_is_said_is_there() -> None:
    sources = "".join(path.read_text() for path in Path(folder("frontend"), "keyturn").glob("*.js"))
    said = re.findall(r'(?:say|button)\("(\w+)"|link\("[\w-]+", "(\w+)"', sources)
    words = form_texts(SourceTexts(), "30 minutes")

    assert {one or other for one, other in said} <= set(words)
    assert {
        language.tag for language in Languages("UTC").known.values() if form_texts(language, "30 minutes") == words
    } == {"en"}
