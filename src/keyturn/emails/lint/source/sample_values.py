"""What of a mail comes from the values that it was given, and so is not its author's doing."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

# Jinja's own, and the place-holders of gettext. In an address also those of MJML and of services that send mail.
UNFILLED = re.compile(r"\{\{|\{%|\{#|%\(\w+\)[sd]")
_UNFILLED_ADDRESS = re.compile(rf"{UNFILLED.pattern}|\[\[|\*\||<%|\$\{{|%%")


def is_unfilled(address: str) -> bool:
    """Tell whether an address is, or holds, something that is yet to be filled in."""
    return bool(_UNFILLED_ADDRESS.search(address))


def is_sample_value(values: Mapping[str, object], text: str) -> bool:
    return any(text in value for value in strings_of(values))


def strings_of(value: object) -> Iterator[str]:
    """Yield every string in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[object, object]", value).values():
            yield from strings_of(one)
    elif isinstance(value, list | tuple):
        for one in cast("list[object]", value):
            yield from strings_of(one)
