"""Parses corrections of guesses as users type them: `name=full_name`, `set.must_change=false`. Pure."""

import tomllib
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from keyturn.service.accounts.table.mapping import Flag
from keyturn.service.onboarding.guesses import guess
from keyturn.service.onboarding.survey import Table
from keyturn.service.settings import Credentials, Ending, TableSettings
from keyturn.service.settings.rules.accounts import PLACES
from keyturn.values import did_you_mean

COLUMNS = ("id", "email", "password", "name", "active", "provider", "kind", "locale", "timezone")

_LISTS = ("delete", "password_providers")
_SETS = "set."
_HOW_TO_SET = "write set.column=value, for example set.must_change=false, or set.column= to remove it"

_ENDS = "ends."
_HOW_TO_END = (
    "write ends.table.column=passkeys intrusion, for example ends.tokens.user_id=access_tokens, or"
    " ends.tokens.user_id= to remove it"
)


def apply_correction(settings: TableSettings, entry: str, tables: Mapping[str, Table]) -> TableSettings:
    """Return the settings with `key=value` applied; the value "-" is empty. Raises ValueError with a sentence."""
    key, equals, text = (part.strip() for part in entry.partition("="))
    if not equals:
        raise ValueError("write a correction as key=column, for example email=mail")
    if key == "table" and text in tables:
        return guess(tables[text], tables)
    text = "" if text == "-" else text
    if key.partition(".")[0] in {"set", "ends"}:
        return _with_entry(settings, key, text, tables)
    if key in _LISTS:
        listed = [part.strip() for part in text.split(",") if part.strip()]
        if key == "delete" and (unclear := next((one for one in listed if "." not in one), "")):
            raise ValueError(f"delete: write a table and its column, such as sessions.user_id, not {unclear}")
        corrected = _with_setting(settings, key, _parse_toml(text) if text.startswith("[") else listed)
        ends = {column: ending for column, ending in corrected.ends.items() if column not in corrected.delete}
        return msgspec.structs.replace(corrected, ends=ends)
    if key not in COLUMNS:
        known = ("table", *COLUMNS, "set", "ends", *_LISTS)
        raise ValueError(f"unknown key {key}{did_you_mean(key, known) or '; the keys are ' + ', '.join(known)}")
    name = str(_parse_toml(text)) if text.startswith(('"', "'")) else text
    if name:
        _require_column(Flag(name).column if key == "active" else name, settings, tables)
    return _with_setting(settings, key, name)


def _with_entry(settings: TableSettings, key: str, text: str, tables: Mapping[str, Table]) -> TableSettings:
    """Return the settings with a correction of `set` or `ends`, or of one entry there."""
    if key.startswith(_SETS):
        column = _require_column(key.removeprefix(_SETS), settings, tables)
        others = {name: value for name, value in settings.set.items() if name != column}
        return _with_setting(settings, "set", others | {column: _set_value(text)} if text else others)
    if key.startswith(_ENDS):
        return _with_ending(settings, key.removeprefix(_ENDS), text)
    if key == "ends":
        if text:
            raise ValueError(_HOW_TO_END)
        return _with_setting(settings, "ends", {})
    if text and not text.startswith("{"):
        raise ValueError(_HOW_TO_SET)
    return _with_setting(settings, "set", _parse_toml(text) if text else {})


def _with_ending(settings: TableSettings, column: str, text: str) -> TableSettings:
    """Return the settings with the ending of a table's column: deleted under one of the words, or removed."""
    others = {name: ending for name, ending in settings.ends.items() if name != column}
    what, _, when = text.partition(" ")
    if not text:
        return msgspec.structs.replace(settings, ends=others)
    words, moments = get_args(Credentials), ("", "intrusion")
    if "." not in column or what not in words or when.strip() not in moments:
        raise ValueError(f"{_HOW_TO_END}; the words are {', '.join(words)}")
    kept = settings.ends.get(column, Ending())
    ending = msgspec.structs.replace(kept, what=what, when="intrusion" if when else "change")
    return msgspec.structs.replace(settings, ends=others | {column: ending})


def _require_column(name: str, settings: TableSettings, tables: Mapping[str, Table]) -> str:
    columns = tables[settings.table].columns
    if name not in columns:
        raise ValueError(f"the table {settings.table} has no column {name}{did_you_mean(name, columns)}")
    return name


def _set_value(text: str) -> Any:
    """Return the value for a column: a TOML value if it parses, else the text itself."""
    if text in PLACES:
        return text
    try:
        return _parse_toml(text)
    except ValueError:
        if text.startswith(("{", "[", '"', "'")):
            raise
        return text


def _parse_toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ValueError(f"is not valid TOML: {text}") from None


def _with_setting(settings: TableSettings, key: str, value: object) -> TableSettings:
    kinds = {field.name: field.type for field in msgspec.structs.fields(TableSettings)}
    return msgspec.structs.replace(settings, **{key: msgspec.convert(value, kinds[key])})
