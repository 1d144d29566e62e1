"""keyturn.toml and the environment -> Settings, or every fault at once, each by the name the person wrote."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, get_origin

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings.model import Secret, Settings
from keyturn.settings.rules import broken_rules

Struct = TypeVar("Struct", bound=msgspec.Struct)

FILE_NAME = "keyturn.toml"
PREFIX = "KEYTURN_"
OTHER_NAMES = {"RESEND_API_KEY": "resend.api_key", "RESEND_WEBHOOK_SECRET": "resend.webhook_secret"}
"""Names that a provider's own documentation uses, and the setting that each one sets."""

_NOT_SETTINGS = {"KEYTURN_CONFIG"}
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_settings(
    file: Path | None = None, environ: Mapping[str, str] = os.environ, *, sending: bool = True
) -> Settings:
    """Return the settings; the environment beats the file. Raises SettingsInvalid with every fault."""
    reading = inspect_settings(file, environ, sending=sending)
    if reading.faults:
        raise SettingsInvalid(reading.faults)
    return reading.settings


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from where, and what is wrong with it. A value that could not be read is its default."""

    file: Path
    settings: Settings
    faults: tuple[Fault, ...]

    @property
    def is_unread(self) -> bool:
        """Tell whether the whole file could not be read."""
        return any(fault.name == str(self.file) for fault in self.faults)


def inspect_settings(
    file: Path | None = None, environ: Mapping[str, str] = os.environ, *, sending: bool = True
) -> Reading:
    """Return the settings with all faults: unknown keys, bad values, missing secrets, broken rules.

    `file` defaults to $KEYTURN_CONFIG, then to keyturn.toml in the working directory, and need not exist unless it
    was named. `sending` tells whether the process sends mails, and so needs their secrets.
    """
    named = file or (Path(environ["KEYTURN_CONFIG"]) if environ.get("KEYTURN_CONFIG") else None)
    faults: list[Fault] = []
    source = named or Path(FILE_NAME)
    given = _from_toml(source, required=named is not None, faults=faults)
    given.pop("studio", None)  # the studio reads its own: gallery/configuration.py
    _overlay(given, environ, faults)
    settings = _build(Settings, given, "", faults)
    wrong = {fault.name.lower() for fault in faults}
    faults += [fault for fault in broken_rules(settings, sending=sending) if fault.name.lower() not in wrong]
    return Reading(file=source, settings=settings, faults=tuple(faults))


def _from_toml(file: Path, *, required: bool, faults: list[Fault]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            faults.append(Fault(str(file), "no such file"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        faults.append(Fault(str(file), f"cannot be read: {error}"))
    return {}


def setting_names(struct: type[msgspec.Struct] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield every setting as `section.key`."""
    for field in msgspec.structs.fields(struct):
        name = f"{prefix}{field.encode_name}"
        if _is_section(field.type):
            yield from setting_names(field.type, f"{name}.")
        else:
            yield name


def environment_name(setting: str) -> str:
    return PREFIX + setting.replace(".", "_").upper()


def _overlay(given: dict[str, Any], environ: Mapping[str, str], faults: list[Fault]) -> None:
    known = {environment_name(setting): setting for setting in setting_names()} | OTHER_NAMES
    # Where a setting has two names, Keyturn's own comes last and wins.
    for name in sorted(environ, key=lambda name: (name.startswith(PREFIX), name)):
        if name in known:
            section, _, key = known[name].rpartition(".")
            target = given.setdefault(section, {}) if section else given
            if isinstance(target, dict):
                target[key] = _Variable(name, environ[name])
        elif name.startswith(PREFIX) and name not in _NOT_SETTINGS:
            faults.append(Fault(name, "unknown setting" + did_you_mean(name, known)))


class _Variable(msgspec.Struct, frozen=True):
    """A value that remembers which variable it came from, so that a fault names that one."""

    name: str
    value: str


def _build(struct: type[Struct], given: Mapping[str, Any], prefix: str, faults: list[Fault]) -> Struct:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        name = f"{prefix}{key}"
        if key not in fields:
            faults.append(Fault(name, "unknown setting" + did_you_mean(key, fields)))
        elif _is_section(fields[key].type):
            if isinstance(value, dict):
                values[fields[key].name] = _build(fields[key].type, value, f"{name}.", faults)
            else:
                faults.append(Fault(name, f"is a section: write [{name}]"))
        else:
            try:
                values[fields[key].name] = _convert(value, fields[key].type)
            except ValueError as error:
                faults.append(Fault(value.name if isinstance(value, _Variable) else name, str(error)))
    return struct(**values)


def _convert(value: Any, wanted: Any) -> Any:
    plain = value.value if isinstance(value, _Variable) else value
    if wanted is timedelta:
        return parse_duration(plain)
    if isinstance(value, _Variable) and get_origin(wanted) is tuple:
        plain = [part.strip() for part in value.value.split(",") if part.strip()]
    # A variable is always text, so "587" may be a number; in TOML a number is written as one.
    return msgspec.convert(plain, wanted, strict=not isinstance(value, _Variable), dec_hook=_decode)


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")


def parse_duration(value: Any) -> timedelta:
    """Return the duration that a text like 30m is. Raises ValueError."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError("not a duration: write a number and a unit, as in 90s, 30m, 1h or 7d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError("too long") from None


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
