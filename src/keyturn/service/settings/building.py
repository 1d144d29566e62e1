"""Builds a typed struct from written values with `${NAME}` in them.

It collects every fault, under the name that the user wrote.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from keyturn.errors import Fault
from keyturn.service.settings import Brand, Kind
from keyturn.service.settings.variables import SecretUnread, Variables
from keyturn.values import FileOrUrl, Folder, Secret, did_you_mean, mismatch, shown

Struct = TypeVar("Struct", bound=msgspec.Struct)

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d)")
_RATE = re.compile(r"([1-9]\d{0,9}) ?/ ?(?:([1-9]\d{0,5}) )?(second|minute|hour|day)s?", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED = re.compile(r"""(["']).+\1""")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_KEYS_OF: Mapping[tuple[type[msgspec.Struct], str], type[msgspec.Struct]] = {(Kind, "brand"): Brand}
"""Settings that hold a subset of the keys of another section."""


class Variable(msgspec.Struct, frozen=True):
    """The value of a variable, which is looked up when it is converted.

    `label`: the name that the operator set, which a fault names: NAME, or NAME_FILE.
    """

    name: str
    label: str


class Literally(msgspec.Struct, frozen=True):
    """A value that code has made: no variable is looked up in it."""

    value: Any


class VariableUnset(ValueError):
    """Variables that a value names are not set; the text says which."""


class Builder:
    """Builds a struct of what was written, and collects the faults; a value that could not be read is left out.

    `folder` is where the file is. `unset` are the settings whose variables are not set.
    """

    def __init__(self, environ: Variables, folder: Path, faults: list[Fault]) -> None:
        self._environ = environ
        self._folder = folder
        self.faults = faults
        self.unset: list[Fault] = []
        self._places: dict[str, dict[str, str]] = {}

    def build(self, struct: type[Struct], given: Mapping[str, Any], prefix: str = "") -> Struct:
        return struct(**self._values(struct, given, prefix))

    def hide_values(self, fault: Fault) -> Fault:
        """Return the fault with `${NAME}` as it stands in the file for what that holds: it may be a secret.

        A variable that was mistaken for another is as likely a password as an address (OWASP ASVS 16.2.5).
        """
        instead = self._places.get(fault.name.partition(".")[0], {})
        if not instead:
            return fault
        texts = "|".join(re.escape(text) for text in sorted(instead, key=len, reverse=True))
        message = re.sub(rf"(?<!\w)(?:{texts})(?!\w)", lambda found: instead[found[0]], fault.message)
        return Fault(fault.name, message)

    def _values(self, struct: type[msgspec.Struct], given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        values: dict[str, Any] = {}
        for key, value in given.items():
            name = f"{prefix}{key}"
            if key not in fields:
                self.faults.append(Fault(name, "unknown setting" + did_you_mean(key, fields)))
                continue
            field = fields[key]
            with self._collect_faults(name, value):
                if partial := _KEYS_OF.get((struct, field.name)):
                    values[field.name] = self._values(partial, _section(value, name), f"{name}.")
                elif member := member_section(field.type):
                    values[field.name] = {
                        each: self.build(member, _section(one, own), f"{own}.")
                        for each, one in _section(value, name).items()
                        for own in [member_name(name, each)]
                    }
                elif is_section(field.type):
                    values[field.name] = self.build(field.type, _section(value, name), f"{name}.")
                else:
                    texts = {text: place for text, place in values_to_hide(value, self._environ) if text}
                    self._places.setdefault(name.partition(".")[0], {}).update(texts)
                    if get_origin(field.type) is dict and isinstance(value, dict):
                        values[field.name] = self._entries(value, get_args(field.type)[1], name)
                    else:
                        values[field.name] = self._convert(value, field.type, key)
        return values

    def _entries(self, given: Mapping[str, Any], wanted: Any, name: str) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key, value in given.items():
            with self._collect_faults(member_name(name, key), value):
                entries[key] = _checked(self._filled(value), wanted)  # strings have no other type to convert to
        return entries

    @contextmanager
    def _collect_faults(self, name: str, value: Any) -> Iterator[None]:
        try:
            yield
        except _NoSection as error:
            self.faults.append(Fault(error.name, f"is a section: write [{error.name}]"))
        except (SecretUnread, VariableUnset) as error:
            self.unset.append(Fault(name, str(error)))
        except ValueError as error:
            self.faults.append(Fault(value.name if isinstance(value, Variable) else name, str(error)))

    def _convert(self, value: Any, wanted: Any, key: str) -> Any:
        # A variable is always text, so "587" may be a number; TOML writes a number without quotes.
        is_text = isinstance(value, Variable) or has_places(value)
        plain = self._filled(value)
        if is_text and key != "password":  # which may end with a blank
            plain = plain.strip()
        _refuse_odd_text(plain, is_secret=wanted is Secret)
        if wanted is timedelta:
            return parse_duration(plain)
        if (
            wanted in (Folder, FileOrUrl)
            and isinstance(plain, str)
            and plain
            and not isinstance(value, Variable | Literally)
        ):
            plain = plain if wanted is FileOrUrl and FileOrUrl(plain).is_url else str(self._folder / plain)
        if is_text and get_origin(wanted) is tuple:
            plain = [part.strip() for part in plain.split(",") if part.strip()]
        return _checked(plain, wanted, strict=not is_text)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Variable):
            return self._environ[value.name]
        return value.value if isinstance(value, Literally) else fill_variables(value, self._environ)


class _NoSection(ValueError):
    """A plain value in place of a section; `name` is the section's."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def member_section(kind: Any) -> Any:
    """Return the struct that each member of a dictionary of sections is; None for every other type."""
    return get_args(kind)[1] if get_origin(kind) is dict and is_section(get_args(kind)[1]) else None


def member_name(section: str, key: str) -> str:
    """Return the name of a key that a person chose, as TOML writes it: kinds.school, kinds."other one"."""
    return f"{section}.{key}" if _BARE_KEY.fullmatch(key) else f'{section}."{key}"'


def parse_duration(value: Any) -> timedelta:
    """Return the duration that a text like 30m is; code has made one already. Raises ValueError."""
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"must be a duration, as in 90s, 30m, 1h or 7d, not {shown(value)}")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError("too long") from None


class Rate(NamedTuple):
    """`amount` requests at once, and as many in each `seconds`."""

    amount: float
    seconds: float


def parse_rate(text: str) -> Rate:
    """Return the rate that a text like 3/minute or 10/15 minutes is. Raises ValueError."""
    if not (match := _RATE.fullmatch(text)):
        raise ValueError("not a rate")
    return Rate(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])


def _checked(value: Any, wanted: Any, *, strict: bool = True) -> Any:
    """Return the value as `wanted`. Raises ValueError that tells the wanted type and the value."""
    try:
        return msgspec.convert(value, wanted, strict=strict, dec_hook=decode_text)
    except msgspec.ValidationError:
        raise ValueError(mismatch(value, wanted)) from None


def _refuse_odd_text(value: Any, *, is_secret: bool) -> None:
    """Raise ValueError for a text that would break a header or an address (CWE-93), or a secret in quotation marks."""
    if not isinstance(value, str):
        return
    if control := _CONTROL.search(value):
        raise ValueError(f"contains a line break or another control character (U+{ord(control[0]):04X})")
    if is_secret and _QUOTED.fullmatch(value):
        raise ValueError("is in quotation marks, which would be part of it: remove them")


def _section(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _NoSection(name)
    return value


def decode_text(wanted: type, value: Any) -> Any:
    if wanted in {FileOrUrl, Folder, Secret} and isinstance(value, str):
        return wanted(value)
    raise ValueError("Expected `str`")


def has_places(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def fill_variables(value: Any, environ: Mapping[str, str]) -> Any:
    """Return the value with every `${NAME}` and `${NAME:-default}` in its texts replaced. Any other `$` stays.

    As in a shell, the default stands in for a variable that is not set or empty (POSIX 2.6.2). Raises ValueError for
    a malformed text. Raises VariableUnset with every variable that is missing, whose file is unusable, or that leaves a
    whole text empty: an empty address would mean the setting's own "none".
    """
    unset: dict[str, str] = {}
    result = _fill_value(value, environ, unset)
    if unset:
        raise VariableUnset("; ".join(unset.values()))
    return result


def values_to_hide(value: Any, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each text that a fault could show of what the variables in a value hold, and what stands in the file."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from values_to_hide(member, environ)
    elif has_places(value):
        with suppress(ValueError):
            yield fill_variables(value, environ), value
        for place in _PLACE.finditer(value):
            held = ""
            with suppress(SecretUnread):
                held = environ.get(place[1].partition(":-")[0], "")
            yield from ((part, place[0]) for part in (held, *map(str.strip, held.split(","))))


def _fill_value(value: Any, environ: Mapping[str, str], unset: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_fill_value(member, environ, unset) for member in value]
    if isinstance(value, dict):
        return {key: _fill_value(member, environ, unset) for key, member in value.items()}
    if not has_places(value):
        return value
    if "${" in _PLACE.sub("", value):
        raise ValueError("has a ${ without a }")
    empty: dict[str, str] = {}

    def variable(place: re.Match[str]) -> str:
        match = _NAME.fullmatch(place[1])
        if not match:
            raise ValueError(f"{place[0]} does not contain the name of a variable")
        name, default = match[1], match[2]
        try:
            environ.get(name)
        except SecretUnread as error:
            unset[name] = f"{error.label}: {error}"
            return ""
        if default is not None:
            return environ.get(name) or default
        if not environ.get(name, "").strip():
            missing, why = (empty, "empty") if name in environ else (unset, "not set")
            missing[name] = f"the variable {name} is {why}"
        return environ.get(name, "")

    result = _PLACE.sub(variable, value)
    unset.update({} if result.strip() else empty)
    return result
