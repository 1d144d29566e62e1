"""The English texts, which all others are made from: one way of capitals, one word for one thing."""

import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from keyturn.languages import PACKAGED
from keyturn.pages.preview import PagePreview
from keyturn.settings.reading import read_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = {"Google", "JavaScript"}
SMALL_WORDS = {"a", "an", "and", "at", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
"""What stays small where the words of a heading are capitalised."""

HEADING_OR_BUTTON = re.compile(r'<(h1|h2|label|legend|button(?= type="submit"))\b[^>]*>(.*?)</\1>', re.DOTALL)


def source_texts() -> list[str]:
    with (PACKAGED / "keyturn.pot").open("rb") as file:
        return [text for message in read_po(file) if message.id for text in _forms(message.id)]


def _forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def capitals_within(text: str) -> list[str]:
    """Return the capitalised words of a text that begin no sentence; places are no words."""
    words = re.sub(r"%\(\w+\)s|</?b>", "", text)
    return [word for word in re.findall(r"(?<=[\w,;’] )[A-Z]\w*", words) if word not in NAMES]


def test_a_capital_stands_where_a_sentence_begins_and_nowhere_else() -> None:
    assert {text: found for text in source_texts() if (found := capitals_within(text))} == {}


@pytest.mark.parametrize(
    ("word", "instead"),
    [("mails?", "email"), ("ask(ed)? for", "request"), ("log[ -]?(in|out)", "sign in"), ("tries", "requests")],
)
def test_one_thing_is_called_by_one_word(word: str, instead: str) -> None:
    found = [text for text in source_texts() if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    assert found == [], f"say {instead}"


def headings_and_buttons(example: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return what stands over and on everything that people can do, on each page of an example in each state."""
    monkeypatch.chdir(EXAMPLES / example)
    words = shlex.split((EXAMPLES / example / "env.example").read_text("utf-8"), comments=True)
    variables = dict(word.split("=", 1) for word in words) | {"KEYTURN_SECRET_KEY": "s" * 32}
    pages = PagePreview(read_settings(EXAMPLES / example / "keyturn.toml", variables))
    found = set()
    for state, _, _ in pages.states:
        page = pages.page(state, "en", "", "")
        ways = "".join(re.findall(r'<p class="ways">.*?</p>', page, re.DOTALL))
        inner = [match[2] for match in HEADING_OR_BUTTON.finditer(page)] + re.findall(r"<a .*?</a>", ways, re.DOTALL)
        found |= {" ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split()) for html in inner}
    return found


def smalls_within(text: str) -> list[str]:
    """Return the words of a text that begin with no capital and should, were it written with capitals."""
    words = re.findall(r"(?<![\w’@.…])(?<!\d )[a-z]\w*(?![\w.]*@)", text)
    return [word for word in words if word not in SMALL_WORDS]


@pytest.mark.parametrize("example", sorted(path.parents[3].name for path in EXAMPLES.glob("*/locales/en/*/*.po")))
def test_an_app_that_words_some_buttons_itself_capitalises_all_headings_and_buttons_alike(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = headings_and_buttons(example, monkeypatch)

    assert {"Email", "Continue"} <= said
    with_capitals = sorted(text for text in said if capitals_within(text))
    without = sorted(text for text in said if smalls_within(text))
    assert not (with_capitals and without), f"{with_capitals} beside {without}"
