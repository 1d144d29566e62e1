"""Builds a typed struct from values as they were written, with `${NAME}` in them.

Each fault is reported under the name that the operator wrote.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from keyturn.errors import Fault
from keyturn.service.settings import Brand, Conditions, Kind, Settings, split_list
from keyturn.service.settings.durations import parse_duration
from keyturn.service.settings.substitution import VariableUnset, fill_variables, has_places
from keyturn.setting_sources import SecretUnread, Variables
from keyturn.values import FileOrUrl, Folder, SecretStr, did_you_mean, mismatch

Struct = TypeVar("Struct", bound=msgspec.Struct)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED = re.compile(r"""(["']).+\1""")

_Section = Mapping[str, Any] | msgspec.Struct
_SECTIONS = (Mapping, msgspec.Struct)


class Variable(str):
    """The name of an environment variable, in place of its value.

    The value is looked up when it is converted.
    """

    __slots__ = ()


class Builder:
    """Builds a struct from values as they were written, and collects the faults.

    A value that cannot be read keeps its default.

    `variables`: the values of `${NAME}`; None for settings that code has made, which are taken as
    they are.
    `faults`: gets the faults.
    `unset`: the faults of settings whose variables are not set.
    `origins`: for each written value, by its name, the variable that it came from; None for a value
    of the file.
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
        """Return the fault under the name that the operator set.

        `${NAME}` stands in the message in place of its value, which may be a secret (ASVS 16.2.5).
        """
        hidden = self._hidden.get(fault.name.partition(".")[0], {})
        origin = ""
        variable = self.origins.get(fault.name)
        if self.variables and variable:
            origin = self.variables.label(variable)
        return replace(fault, message=_hide_values(fault.message, hidden), origin=origin)

    def _values(
        self, struct: type[msgspec.Struct], section: _Section, prefix: str
    ) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        values: dict[str, Any] = {}
        for key, value in _items(section):
            name = f"{prefix}{key}"
            with self._collect_faults(name, value):
                field = fields.get(key)
                if field is None:
                    raise ValueError(_unknown(key, fields, prefix))
                if struct is Kind and key == "brand":  # a kind's brand has some keys of [brand]
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
                if is_section(wanted):
                    entries[key] = self._value(value, wanted, own)
                else:  # a plain entry keeps the type that it was written with
                    entries[key] = _checked(self._filled(value, own), wanted)
        return entries

    @contextmanager
    def _collect_faults(self, name: str, value: Any) -> Iterator[None]:
        variable = value if isinstance(value, Variable) else None
        if not isinstance(value, _SECTIONS):
            self.origins[name] = variable
        try:
            yield
        except SecretUnread as error:
            self.unset.append(Fault(name, str(error)))
        except VariableUnset as error:
            self.unset.append(Fault(name, str(error), unset=error.names))
        except ValueError as error:
            self.faults.append(Fault(variable or name, str(error)))

    def _convert(self, value: Any, wanted: Any, name: str) -> Any:
        is_text = self._is_of_variables(value)
        plain = self._filled(value, name)
        if is_text and not name.endswith(".password"):  # a password may end with a space
            plain = plain.strip()
        _refuse_odd_text(plain, is_secret=wanted is SecretStr)
        if wanted is timedelta:
            return parse_duration(plain)
        if wanted in (Folder, FileOrUrl) and not isinstance(value, Variable):
            plain = self._path_from_file(plain, wanted)
        if is_text and _may_be_list(wanted):
            plain = split_list(plain)
        return _checked(plain, wanted, strict=not is_text)

    def _is_of_variables(self, value: Any) -> bool:
        """Tell whether a value comes from variables, and so is always text.

        There "587" may mean a number. TOML has numbers of its own.
        """
        if isinstance(value, Variable):
            return True
        return self.variables is not None and has_places(value)

    def _path_from_file(self, plain: Any, wanted: Any) -> Any:
        """Return a path of the file as seen from the working directory.

        A URL, and a value that is no path, is returned as it is.
        """
        if not isinstance(plain, str) or not plain:
            return plain
        if wanted is FileOrUrl and FileOrUrl(plain).is_url:
            return plain
        return str(self._folder / plain)

    def _filled(self, value: Any, name: str) -> Any:
        self.origins.setdefault(name, None)  # also for a table in place of a plain value
        if self.variables is None:
            return value
        if isinstance(value, Variable):
            return self.variables.get(value)
        hidden = self._hidden.setdefault(name.partition(".")[0], {})
        return fill_variables(value, self.variables, hidden)


def _hide_values(message: str, hidden: Mapping[str, str]) -> str:
    """Return a message with texts of the file in place of the values that they stand for."""
    if not hidden:
        return message
    # The longest first: a value may begin with another one.
    values = "|".join(map(re.escape, sorted(hidden, key=len, reverse=True)))
    return re.sub(rf"(?<!\w)(?:{values})(?!\w)", lambda match: hidden[match[0]], message)


def _unknown(key: str, fields: Collection[str], prefix: str) -> str:
    if prefix and key in TOP_LEVEL:
        return f"{key} belongs to the top of the file, above the first [section]"
    return "unknown setting" + did_you_mean(key, fields)


def _may_be_list(wanted: Any) -> bool:
    """Tell whether a variable has commas between the members of a setting."""
    return get_origin(wanted) is tuple or wanted == Conditions


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


TOP_LEVEL = frozenset(
    field.encode_name for field in msgspec.structs.fields(Settings) if not is_section(field.type)
)
"""Settings outside of sections, which must stand at the top of the file: TOML would take them for a
part of the section above them.
"""


def member_name(section: str, key: str) -> str:
    """Return the name of a key that the operator chose.

    Examples: kinds.school, kinds."other one".
    """
    return f"{section}.{toml_key(key)}"


def toml_key(key: str) -> str:
    """Return a key as TOML writes it, in quotation marks if it needs them."""
    if _BARE_KEY.fullmatch(key):
        return key
    return msgspec.json.encode(key).decode()  # TOML writes texts as JSON does


def _checked(value: Any, wanted: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, wanted, strict=strict, dec_hook=decode_text)
    except msgspec.ValidationError:
        raise ValueError(mismatch(value, wanted)) from None


def _refuse_odd_text(value: Any, *, is_secret: bool) -> None:
    """Raise ValueError for a text with control characters, or a secret in quotation marks.

    A line break would allow further headers, for example (CWE-93).
    """
    if not isinstance(value, str):
        return
    control = _CONTROL.search(value)
    if control:
        code = f"U+{ord(control[0]):04X}"
        raise ValueError(f"contains a line break or another control character ({code})")
    if is_secret and _QUOTED.fullmatch(value):
        raise ValueError("is in quotation marks, which would be part of it: remove them")


def _section(value: Any, name: str) -> _Section:
    if not isinstance(value, _SECTIONS):
        raise ValueError(f"is a section: write [{name}]")  # noqa: TRY004 - a fault of a value, as all others
    return value


def _items(section: _Section) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of a section of a file.

    Of a struct, yield those that differ from its defaults.
    """
    if not isinstance(section, msgspec.Struct):
        yield from section.items()
        return
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if value != field.default:
            yield field.encode_name, value


def decode_text(wanted: type, value: Any) -> Any:
    if wanted in {FileOrUrl, Folder, SecretStr} and isinstance(value, str):
        return wanted(value)
    raise ValueError("Expected `str`")
