"""A typed struct of written values with `${NAME}` in them, and every fault under the name that the
user wrote.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from keyturn.errors import Fault
from keyturn.service.settings import Brand, Conditions, Kind, Settings
from keyturn.service.settings.variables import SecretUnread, Variables
from keyturn.values import FileOrUrl, Folder, SecretStr, did_you_mean, mismatch, shown

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

_Section = Mapping[str, Any] | msgspec.Struct
_SECTIONS = (Mapping, msgspec.Struct)


class Variable(str):
    """The name of a variable, in place of its value, which is looked up when it is converted."""

    __slots__ = ()


class VariableUnset(ValueError):
    """Variables that a value names are not set; the text says which, and so do the `names`."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        super().__init__(text)
        self.names = tuple(names)


class Builder:
    """Builds a struct of what was written, and collects the faults; a value that could not be read
    is left out.

    `variables`: the values of `${NAME}`; None for settings that code has made, which are taken as
    they are.
    `unset`: the faults of settings whose variables are not set.
    `origins`: the variable of each value that was written, by its name; None for a value that
    stands in the file.
    """

    def __init__(self, variables: Variables | None, folder: Path, faults: list[Fault]) -> None:
        self.variables = variables
        self._folder = folder
        self.faults = faults
        self.unset: list[Fault] = []
        self.origins: dict[str, Variable | None] = {}
        self._hidden: dict[str, dict[str, str]] = {}

    def build(self, struct: type[Struct], section: _Section, prefix: str = "") -> Struct:
        return struct(**self._values(struct, section, prefix))

    def as_shown(self, fault: Fault) -> Fault:
        """Return the fault under the name that the operator set, with `${NAME}` in place of its
        value (ASVS 16.2.5).
        """
        message, instead = fault.message, self._hidden.get(fault.name.partition(".")[0])
        if instead:
            texts = "|".join(re.escape(text) for text in sorted(instead, key=len, reverse=True))
            message = re.sub(rf"(?<!\w)(?:{texts})(?!\w)", lambda match: instead[match[0]], message)
        variable = self.origins.get(fault.name)
        origin = self.variables.label(variable) if self.variables and variable else ""
        return replace(fault, message=message, origin=origin)

    def _values(
        self, struct: type[msgspec.Struct], section: _Section, prefix: str
    ) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        values: dict[str, Any] = {}
        for key, value in _items(section):
            name = f"{prefix}{key}"
            with self._collect_faults(name, value):
                if not (field := fields.get(key)):
                    raise ValueError(_unknown(key, fields, prefix))
                if struct is Kind and key == "brand":  # it has a part of the keys of that section
                    values[key] = self._values(Brand, _section(value, name), f"{name}.")
                else:
                    values[field.name] = self._value(value, field.type, name)
        return values

    def _value(self, value: Any, wanted: Any, name: str) -> Any:
        if is_section(wanted):
            return self.build(wanted, _section(value, name), f"{name}.")
        if get_origin(wanted) is dict:
            return self._entries(value, get_args(wanted)[1], name)
        return self._convert(value, wanted, name)

    def _entries(self, section: Any, wanted: Any, name: str) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key, value in _items(_section(section, name)):
            own = member_name(name, key)
            with self._collect_faults(own, value):
                # The text of a plain entry converts to no other type.
                plain = not is_section(wanted)
                entries[key] = (
                    _checked(self._filled(value, own), wanted)
                    if plain
                    else self._value(value, wanted, own)
                )
        return entries

    @contextmanager
    def _collect_faults(self, name: str, value: Any) -> Iterator[None]:
        if not isinstance(value, _SECTIONS):
            self.origins[name] = value if isinstance(value, Variable) else None
        try:
            yield
        except SecretUnread as error:
            self.unset.append(Fault(name, str(error)))
        except VariableUnset as error:
            self.unset.append(Fault(name, str(error), unset=error.names))
        except ValueError as error:
            self.faults.append(Fault(value if isinstance(value, Variable) else name, str(error)))

    def _convert(self, value: Any, wanted: Any, name: str) -> Any:
        # A variable is always text, so "587" may be a number; TOML writes a number without quotes.
        is_variable = isinstance(value, Variable)
        is_text = is_variable or (self.variables is not None and _has_places(value))
        plain = self._filled(value, name)
        if is_text and not name.endswith(".password"):  # which may end with a blank
            plain = plain.strip()
        _refuse_odd_text(plain, is_secret=wanted is SecretStr)
        if wanted is timedelta:
            return parse_duration(plain)
        if wanted in (Folder, FileOrUrl) and isinstance(plain, str) and plain and not is_variable:
            plain = (
                plain
                if wanted is FileOrUrl and FileOrUrl(plain).is_url
                else str(self._folder / plain)
            )
        if is_text and _may_be_list(wanted):
            plain = [part.strip() for part in plain.split(",") if part.strip()]
        return _checked(plain, wanted, strict=not is_text)

    def _filled(self, value: Any, name: str) -> Any:
        self.origins.setdefault(name, None)  # also of a table where a plain value is wanted
        if self.variables is None:
            return value
        if isinstance(value, Variable):
            return self.variables.get(value)
        return _fill_variables(
            value, self.variables, self._hidden.setdefault(name.partition(".")[0], {})
        )


def _unknown(key: str, fields: Collection[str], prefix: str) -> str:
    if prefix and key in TOP_LEVEL:
        return f"{key} belongs to the top of the file, above the first [section]"
    return "unknown setting" + did_you_mean(key, fields)


def _may_be_list(wanted: Any) -> bool:
    return get_origin(wanted) is tuple or wanted == Conditions


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


TOP_LEVEL = frozenset(
    field.encode_name for field in msgspec.structs.fields(Settings) if not is_section(field.type)
)
"""Settings above all sections.

TOML takes them for a part of the section that they are written below.
"""


def member_name(section: str, key: str) -> str:
    """Return the name of a key that a person chose, as TOML writes it: kinds.school, kinds."other
    one".
    """
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


def holds(check: Callable[[Any], object], value: Any) -> bool:
    try:
        return bool(check(value))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _checked(value: Any, wanted: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, wanted, strict=strict, dec_hook=decode_text)
    except msgspec.ValidationError:
        raise ValueError(mismatch(value, wanted)) from None


def _refuse_odd_text(value: Any, *, is_secret: bool) -> None:
    """Raise ValueError for a text that would break a header or an address (CWE-93), or a secret in
    quotation marks.
    """
    if not isinstance(value, str):
        return
    if control := _CONTROL.search(value):
        raise ValueError(
            f"contains a line break or another control character (U+{ord(control[0]):04X})"
        )
    if is_secret and _QUOTED.fullmatch(value):
        raise ValueError("is in quotation marks, which would be part of it: remove them")


def _section(value: Any, name: str) -> _Section:
    if not isinstance(value, _SECTIONS):
        raise ValueError(f"is a section: write [{name}]")  # noqa: TRY004 - a fault of a value, as all others
    return value


def _items(section: _Section) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of a section of a file, or those of a struct that differ from
    defaults.
    """
    if not isinstance(section, msgspec.Struct):
        yield from section.items()
        return
    for field in msgspec.structs.fields(section):
        if (value := getattr(section, field.name)) != field.default:
            yield field.encode_name, value


def decode_text(wanted: type, value: Any) -> Any:
    if wanted in {FileOrUrl, Folder, SecretStr} and isinstance(value, str):
        return wanted(value)
    raise ValueError("Expected `str`")


def _has_places(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def _fill_variables(value: Any, variables: Variables, hidden: dict[str, str]) -> Any:
    """Return the text, or the list of texts, with every `${NAME}` and `${NAME:-default}` replaced
    (POSIX 2.6.2).

    Raises VariableUnset for every variable that is missing, or leaves a whole text empty, which
    would mean "none".
    `hidden`: gets what a fault could show of a variable, with what stands in the file.
    """
    unset: dict[str, str] = {}
    members = value if isinstance(value, list) else [value]
    filled = [
        _fill_text(one, variables, hidden, unset) if _has_places(one) else one for one in members
    ]
    if unset:
        raise VariableUnset("; ".join(unset.values()), unset)
    return filled if isinstance(value, list) else filled[0]


def _fill_text(
    text: str, variables: Variables, hidden: dict[str, str], unset: dict[str, str]
) -> str:
    if "${" in _PLACE.sub("", text):
        raise ValueError("has a ${ without a }")
    empty: dict[str, str] = {}

    def fill(place: re.Match[str]) -> str:
        match = _NAME.fullmatch(place[1])
        if not match:
            raise ValueError(f"{place[0]} does not contain the name of a variable")
        name, default = match[1], match[2]
        try:
            held = variables.get(name)
        except SecretUnread as error:
            unset[name] = f"{error.label}: {error}"
            return ""
        hidden.update(
            dict.fromkeys(filter(None, (held, *map(str.strip, held.split(",")))), place[0])
        )
        if default is not None:
            return held or default
        if not held.strip():
            missing, why = (empty, "empty") if name in variables else (unset, "not set")
            missing[name] = f"the variable {name} is {why}"
        return held

    result = _PLACE.sub(fill, text)
    if result.strip():
        hidden[result] = text
    else:
        unset.update(empty)
    return result
