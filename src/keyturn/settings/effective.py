"""Lists the settings in effect, each with its origin, and without any secret."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import SettingsInvalid
from keyturn.plain_files import read_plain_text
from keyturn.settings import Settings
from keyturn.settings.building import Variable, is_section, member_name, member_section, variables_in
from keyturn.settings.reading import inspect_settings, is_secret
from keyturn.settings.variables import SecretUnread, Variables

_DEFAULT = "default"
_OF_APP = "the app"
_SHORTEST_SECRET = 4
"""Characters from which a secret is looked for in other values."""

_WORD = re.compile(r"\S+")
_AUTHORITY_END = re.compile("[/?#]")
_SECRET_NAMES = ("key", "token", "secret", "signature", "password")

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))

_Path = tuple[str, ...]


class EffectiveSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as `keyturn settings show` lists it.

    `value`: its value; of a secret, only whether it is set.
    `origin`: where the value comes from, in words.
    """

    name: str
    value: Any
    origin: str
    secret: bool

    @property
    def is_default(self) -> bool:
        return self.origin == _DEFAULT


def effective_settings(of_app: Settings | None = None) -> list[EffectiveSetting]:
    """Return every setting, those of the top of the file first. Raises SettingsInvalid with every fault.

    `of_app`: the settings that an app has given in its code. What they share with the file and the environment counts
    as read from there.
    """
    reading = inspect_settings(sending=False)
    given, variables = reading.written, reading.variables
    if reading.faults and not of_app:
        raise SettingsInvalid(reading.faults, missing_file=str(reading.file) if reading.is_of_no_file else "")
    settings, read = of_app or reading.settings, dict(_leaves(reading.settings))
    lines = _lines(reading.file) if reading.file.is_file() and not reading.is_unread else {}
    leaves = sorted(_leaves(settings), key=lambda leaf: (len(leaf[0]) > 1, leaf[0][:-1]))
    hidden = _hidden_texts(leaves, given, variables)
    listed = []
    for path, (value, kind, default) in leaves:
        origin = _origin(path, given, variables, f"{reading.file}:{{}}", lines)
        if of_app and (path not in read or read[path][0] != value):
            origin = _DEFAULT if value == default else _OF_APP
        secret = _holds_secret(value, kind, default, hidden)
        shown = ("set" if value else "not set") if secret else _plain(value)
        listed.append(EffectiveSetting(name=_name(path), value=shown, origin=origin, secret=secret))
    return listed


def _leaves(struct: msgspec.Struct, above: _Path = ()) -> Iterator[tuple[_Path, tuple[Any, Any, Any]]]:
    """Yield the path of each setting, with its value, its type and its default."""
    for field in msgspec.structs.fields(struct):
        value, path = getattr(struct, field.name), (*above, field.encode_name)
        if is_section(field.type):
            yield from _leaves(value, path)
        elif member_section(field.type):
            for key, member in value.items():
                yield from _leaves(member, (*path, key))
        else:
            yield path, (value, field.type, field.default)


def _name(path: _Path) -> str:
    name = path[0]
    for key in path[1:]:
        name = member_name(name, key)
    return name


# Origins


def _origin(path: _Path, given: Any, variables: Variables, place: str, lines: Mapping[_Path, int]) -> str:
    written = _written(path, given)
    if written is None:
        return _DEFAULT
    if isinstance(written, Variable):
        return variables.origin(written.name)
    place = place.format(lines[path]) if path in lines else place.removesuffix(":{}")
    names = dict.fromkeys(name for name in variables_in(written) if name in variables)
    return ", ".join([place, *map(variables.origin, names)])


def _written(path: _Path, given: Any) -> Any:
    for key in path:
        given = given.get(key) if isinstance(given, dict) else None
    return given


def _lines(file: Path) -> dict[_Path, int]:
    """Return the line of each key and table in a valid TOML file. Each statement is read alone, and starts a line."""
    found: dict[_Path, int] = {}
    above: _Path = ()
    table: _Path = ()
    statement, start = "", 1
    for number, line in enumerate(read_plain_text(file).split("\n"), 1):
        statement += f"{line}\n"
        try:
            read = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        paths = list(_paths_in(read))
        if statement.lstrip().startswith("["):
            above, table = (), max(paths, key=len)
        else:
            above = table
        for path in paths:
            found.setdefault((*above, *path), start)
        statement, start = "", number + 1
    return found


def _paths_in(read: Mapping[str, Any], above: _Path = ()) -> Iterator[_Path]:
    for key, value in read.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths_in(value, (*above, key))


# Values


def _hidden_texts(
    leaves: Iterable[tuple[_Path, tuple[Any, Any, Any]]], given: Mapping[str, Any], variables: Variables
) -> list[str]:
    """Return the secrets, and the values that files hold. Another setting may contain one by mistake."""
    secrets = [
        text for _, (value, kind, default) in leaves if is_secret(kind) and value != default for text in _texts(value)
    ]
    for name in variables_in(given):
        if variables.file_of(name):
            try:
                secrets.append(variables[name].strip())
            except SecretUnread:  # in a value that a variable overrides
                continue
    return [text for text in secrets if len(text) >= _SHORTEST_SECRET]


def _holds_secret(value: Any, kind: Any, default: Any, hidden: Iterable[str]) -> bool:
    if is_secret(kind):
        return not value or value != default  # a default is public
    return value != default and any(text in held for held in _texts(value) for text in hidden)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | dict):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)


def _plain(value: Any) -> Any:
    """Return the value as JSON has it, and a duration as the settings write it. URLs lose their log-ins."""
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, str):
        return _WORD.sub(_without_log_in, value)
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, tuple) else value


def _without_log_in(word: re.Match[str]) -> str:
    """Mask the user and password of a URL (RFC 3986, 3.2.1), also where the password should have been escaped."""
    scheme, found, rest = word[0].partition("://")
    if not found:
        return word[0]
    address, sign, query = rest.partition("?")
    rest = address + sign + "&".join(map(_without_key, query.split("&")))
    _, at, host = rest.rpartition("@")
    is_in_authority = any(sign in _AUTHORITY_END.split(rest, maxsplit=1)[0] for sign in "@:")
    return f"{scheme}://***@{host}" if at and is_in_authority else f"{scheme}://{rest}"


def _without_key(parameter: str) -> str:
    """Mask the value of a query's parameter whose name is that of a secret, unless it is a placeholder."""
    name, sign, value = parameter.partition("=")
    is_key = any(word in name.lower() for word in _SECRET_NAMES) and not value.startswith("{")
    return f"{name}=***" if sign and is_key else parameter


def _duration(span: timedelta) -> str:
    if span % timedelta(seconds=1):
        return f"{span // timedelta(milliseconds=1)}ms"
    seconds = span // timedelta(seconds=1)
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0 and (seconds or size == 1))
    return f"{seconds // size}{unit}"
