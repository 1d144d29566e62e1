"""The English texts, which all others are made from: one way of capitals, one word for one thing."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from keyturn.languages import PACKAGED, Languages

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = {"JavaScript"}
BUTTONS = (
    "Choose a new password", "Choose your password", "Go back", "Go to sign-in", "Load the page again",
    "Request a new link", "Request password change", "Save the new password", "Save the password", "Send the link",
    "Send the link again", "Try again",
)  # fmt: skip


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


@pytest.mark.parametrize("example", sorted(path.parents[3].name for path in EXAMPLES.glob("*/locales/en/*/*.po")))
def test_an_app_that_words_some_buttons_itself_capitalises_all_of_them_alike(example: str) -> None:
    english = Languages("UTC", PACKAGED, EXAMPLES / example / "locales").choose("en")
    said = {english.gettext(button) for button in BUTTONS}

    assert len({bool(capitals_within(text)) for text in said}) == 1, said
