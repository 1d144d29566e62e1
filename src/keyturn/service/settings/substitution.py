"""Fills `${NAME}` in the texts of a settings file."""

import re
from collections.abc import Collection
from typing import Any

from keyturn.setting_sources import SecretUnread, Variables

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class VariableUnset(ValueError):
    """Variables that a value names are not set. The text and `names` say which."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        super().__init__(text)
        self.names = tuple(names)


def has_places(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def fill_variables(value: Any, variables: Variables, hidden: dict[str, str]) -> Any:
    """Return the text, or the list of texts, with every `${NAME}` and `${NAME:-default}` replaced
    (POSIX 2.6.2).

    `hidden`: gets the values that a fault must not show, each with the text of the file that is
    shown instead.

    Raises VariableUnset with all variables that are missing, or that make a whole text empty: an
    empty text would mean "none".
    """
    unset: dict[str, str] = {}
    if isinstance(value, list):
        filled = [_fill_text(member, variables, hidden, unset) for member in value]
    else:
        filled = _fill_text(value, variables, hidden, unset)
    if unset:
        raise VariableUnset("; ".join(unset.values()), unset)
    return filled


def _fill_text(
    text: Any, variables: Variables, hidden: dict[str, str], unset: dict[str, str]
) -> Any:
    """Return a text with its variables replaced; another value, or a text without any, as it is.

    `unset`: gets a sentence for each variable that is missing.
    """
    if not has_places(text):
        return text
    if "${" in _PLACE.sub("", text):
        raise ValueError("has a ${ without a }")
    empty: dict[str, str] = {}

    def fill(place: re.Match[str]) -> str:
        match = _NAME.fullmatch(place[1])
        if not match:
            raise ValueError(f"{place[0]} does not contain the name of a variable")
        name, default = match.groups()
        try:
            held = variables.get(name)
        except SecretUnread as error:
            unset[name] = f"{error.label}: {error}"
            return ""
        _hide(held, place[0], hidden)
        if default is not None:
            return held or default
        if not held.strip():
            if name in variables:
                empty[name] = f"the variable {name} is empty"
            else:
                unset[name] = f"the variable {name} is not set"
        return held

    result = _PLACE.sub(fill, text)
    if result.strip():
        hidden[result] = text
    else:
        unset.update(empty)
    return result


def _hide(value: str, shown_as: str, hidden: dict[str, str]) -> None:
    # A rule may show one member of a list.
    for text in (value, *map(str.strip, value.split(","))):
        if text:
            hidden[text] = shown_as
