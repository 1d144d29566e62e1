"""The edit in an address: one JSON object with the fields that differ from the starting data.

A changed field is included as a whole. The key "" lists the removed fields. Places in the values are JSON Pointers (RFC
6901).
"""

import json
from collections.abc import Iterable
from typing import Any

_TAKEN_AWAY = ""

Values = dict[str, Any]
"""Plain data, as JSON has it."""


class EditUnreadable(ValueError):
    """A text is no JSON object. `line`, `column`: counted from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        self.message, self.line, self.column = message, line, column
        super().__init__(f"{line}:{column}: {message}")


def read_object(text: str) -> Values:
    """Return the object in a text. Raises EditUnreadable."""
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise EditUnreadable(error.msg, error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:  # NaN, an endless number, nested without end
        raise EditUnreadable(str(error)) from error
    if not isinstance(values, dict):
        raise EditUnreadable("Enter an object in braces, with names and values")
    return values


def apply_edit(start: Values, edit: str) -> Values:
    """Return the values with an edit. Raises EditUnreadable."""
    if not edit:
        return dict(start)
    changes = read_object(edit)
    gone = changes.pop(_TAKEN_AWAY, [])
    gone = gone if isinstance(gone, list) else []
    return {name: value for name, value in {**start, **changes}.items() if name not in gone}


def to_json_lines(values: Values) -> str:
    return json.dumps(values, ensure_ascii=False, indent=2)


def pointer(*steps: object) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def steps_of(place: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]


def is_index(step: str, values: list[Any]) -> bool:
    return step.isdecimal() and len(step) <= len(str(len(values))) and int(step) < len(values)


def value_at(values: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        if isinstance(values, dict):
            values = values.get(step)
        elif isinstance(values, list) and is_index(step, values):
            values = values[int(step)]
        else:
            return None
    return values


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not valid JSON")
