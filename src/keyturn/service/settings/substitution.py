"""Fills `${NAME}` in the texts of a settings file."""

import re
from collections.abc import Collection
from typing import Any

from keyturn.service.settings import split_list
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
    texts = value if isinstance(value, list) else [value]
    filled = []
    unset: dict[str, str] = {}
    for text in texts:
        filling = _Filling(variables, hidden)
        filled.append(filling.fill(text))
        unset.update(filling.unset)
    if unset:
        raise VariableUnset("; ".join(unset.values()), unset)
    if isinstance(value, list):
        return filled
    return filled[0]


class _Filling:
    """Fills one text, and collects a sentence for each variable that is missing.

    `unset`: the sentences, by the names of the variables.
    """

    def __init__(self, variables: Variables, hidden: dict[str, str]) -> None:
        self._variables = variables
        self._hidden = hidden
        self._empty: dict[str, str] = {}
        self.unset: dict[str, str] = {}

    def fill(self, text: Any) -> Any:
        """Return a text with its variables replaced; another value as it is."""
        if not has_places(text):
            return text
        if "${" in _PLACE.sub("", text):
            raise ValueError("has a ${ without a }")
        result = _PLACE.sub(self._replacement, text)
        if result.strip():
            self._hidden[result] = text
        else:
            self.unset.update(self._empty)
        return result

    def _replacement(self, place: re.Match[str]) -> str:
        match = _NAME.fullmatch(place[1])
        if not match:
            raise ValueError(f"{place[0]} does not contain the name of a variable")
        name, default = match.groups()
        try:
            value = self._variables.get(name)
        except SecretUnread as error:
            self.unset[name] = f"{error.label}: {error}"
            return ""
        self._hide(value, place[0])
        if default is not None:
            return value or default
        if not value.strip() and name in self._variables:
            self._empty[name] = f"the variable {name} is empty"
        elif not value.strip():
            self.unset[name] = f"the variable {name} is not set"
        return value

    def _hide(self, value: str, shown_as: str) -> None:
        # A rule may show one member of a list.
        for text in (value, *split_list(value)):
            if text:
                self._hidden[text] = shown_as
