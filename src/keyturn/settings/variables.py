"""`${NAME}` in a value of the file: what the variable of that name holds."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Variable(msgspec.Struct, frozen=True):
    """A value that remembers which variable it came from, so that a fault names that one."""

    name: str
    value: str


class VariableUnset(ValueError):
    pass


def has_places(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def filled(value: Any, environ: Mapping[str, str]) -> Any:
    """Return the value with every `${NAME}` and `${NAME:-default}` in its texts replaced. Any other `$` stays.

    As in a shell, the default stands in for a variable that is not set or empty (POSIX 2.6.2). Raises ValueError for
    what is malformed, VariableUnset with every variable that is not set, or is empty where a text is nothing else: an
    empty address would be taken for the setting's own "none".
    """
    unset: dict[str, str] = {}
    result = _filled(value, environ, unset)
    if unset:
        raise VariableUnset("; ".join(_told(unset)))
    return result


def _told(unset: Mapping[str, str]) -> Iterator[str]:
    for why in dict.fromkeys(unset.values()):
        names = [name for name, its in unset.items() if its == why]
        yield f"the variable {names[0]} is {why}" if len(names) == 1 else f"the variables {', '.join(names)} are {why}"


def shown_instead(value: Any, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each text that a fault could show of what the variables in a value hold, and what stands in the file."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from shown_instead(member, environ)
    elif has_places(value):
        with suppress(ValueError):
            yield filled(value, environ), value
        for place in _PLACE.finditer(value):
            held = environ.get(place[1].partition(":-")[0], "")
            yield from ((part, place[0]) for part in (held, *map(str.strip, held.split(","))))


def _filled(value: Any, environ: Mapping[str, str], unset: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(member, environ, unset) for member in value]
    if isinstance(value, dict):
        return {key: _filled(member, environ, unset) for key, member in value.items()}
    if not has_places(value):
        return value
    if "${" in _PLACE.sub("", value):
        raise ValueError("has a ${ without its }")
    empty: dict[str, str] = {}

    def variable(place: re.Match[str]) -> str:
        match = _NAME.fullmatch(place[1])
        if not match:
            raise ValueError(f"{place[0]} does not hold the name of a variable")
        name, default = match[1], match[2]
        if default is not None:
            return environ.get(name) or default
        if not environ.get(name, "").strip():
            (empty if name in environ else unset)[name] = "empty" if name in environ else "not set"
        return environ.get(name, "")

    result = _PLACE.sub(variable, value)
    unset.update({} if result.strip() else empty)
    return result
