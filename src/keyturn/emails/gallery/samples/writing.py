"""TOML, YAML and JSON with one table more, or another one; all the rest stays as a person wrote it."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

Writer = Callable[[str, str | None, Mapping[str, Any]], str]
"""Given a text, a name and a table, returns the text in which the name has the table; without a name it is all.

Raises ValueError where the format has no words for it.
"""

NATIVE: Mapping[str, tuple[type, ...]] = {
    ".toml": (datetime, date, time),
    ".yaml": (datetime, date),
    ".yml": (datetime, date),
    ".json": (),
}
"""What a format has words for beside those of JSON."""


def _toml(text: str, name: str | None, table: Mapping[str, Any]) -> str:
    import tomlkit

    if missing := _find_null(table):
        raise ValueError(f"TOML has no null, and {missing} is null")
    if not text:
        return tomlkit.dumps({name: table} if name else table)
    document = tomlkit.parse(text if text.endswith("\n") else f"{text}\n")
    if name is None:
        _update(document, table)
    elif name not in document:
        return _with_blank_line(text) + tomlkit.dumps({name: table})
    elif isinstance(document[name], tomlkit.items.Table):
        _update(document[name], table)
    elif isinstance(document[name], tomlkit.items.InlineTable):
        document[name] = _inline_item(dict(table))
    else:  # its parts are apart, which tomlkit does not put together
        raise ValueError(f"[{name}] is in several pieces there")
    return tomlkit.dumps(document)


def toml_lines(name: str, table: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Return a table with each value on one line, and a comment behind it."""
    import tomlkit

    lines = tomlkit.table()
    for key, value in table.items():
        lines[key] = _inline_item(value)
        if comments.get(key):
            lines[key].comment(comments[key]).trivia.comment_ws = "  "
    return tomlkit.dumps({name: lines}).rstrip("\n")


def _update(table: Any, values: Mapping[str, Any]) -> None:
    """Change what differs, so that the comments on the rest stay. What is new comes before the comments at the end."""
    import tomlkit

    for key in [key for key in table if key not in values]:
        del table[key]
    body = table.body if isinstance(table, tomlkit.TOMLDocument) else table.value.body
    end = len(body)
    while end and body[end - 1][0] is None:
        end -= 1
    tail, body[end:] = body[end:], []
    for key, value in values.items():
        was = table.get(key)
        if isinstance(was, tomlkit.items.Table) and isinstance(value, dict):
            _update(was, value)
        elif (
            isinstance(was, tomlkit.items.AoT)
            and isinstance(value, list)
            and all(isinstance(one, dict) for one in value)
        ):
            del was[len(value) :]
            for at, one in enumerate(value):
                _update(was[at], one) if at < len(was) else was.append(tomlkit.item(one))
        elif was is None or not _is_same(getattr(was, "unwrap", lambda was=was: was)(), value):
            table[key] = _inline_item(value)
    body.extend(tail)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _inline_item(value: Any) -> Any:
    import tomlkit

    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update({key: _inline_item(one) for key, one in value.items()})
        return inline
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(_inline_item(one) for one in value)
        return array
    return tomlkit.item(value)


def _find_null(value: Any, name: str = "") -> str:
    """Return the name of what is null; nothing where all is something."""
    match value:
        case None:
            return name
        case dict():
            return next(filter(None, (_find_null(each, f"{name}.{key}".strip(".")) for key, each in value.items())), "")
        case list():
            return next(filter(None, (_find_null(each, f"{name}[{at}]") for at, each in enumerate(value))), "")
    return ""


def _yaml(text: str, name: str | None, table: Mapping[str, Any]) -> str:
    import yaml

    new = yaml.safe_dump(
        {name: dict(table)} if name else dict(table), allow_unicode=True, sort_keys=False, default_flow_style=False
    )
    if name is None:
        return new
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in top.value if isinstance(top, yaml.MappingNode) else ():
        if key.value == name:
            start, end = key.start_mark.index, value.end_mark.index
            kept = text[start:end]
            while len(kept.splitlines()) > 1 and re.match(r"\s*(#|$)", kept.splitlines()[-1]):
                kept = "".join(kept.splitlines(keepends=True)[:-1])
            return text[:start] + new.rstrip("\n") + text[start + len(kept.rstrip()) :]
    return _with_blank_line(text) + new


def _json(text: str, name: str | None, table: Mapping[str, Any]) -> str:
    samples = json.loads(text) if text.strip() else {}
    indent = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    written = json.dumps(
        {**samples, name: table} if name else table,
        ensure_ascii=False,
        indent=indent[0] if indent else 2 if "\n" in text.strip() or not text.strip() else None,
    )
    return written + ("\n" if text.endswith("\n") or not text else "")


def _with_blank_line(text: str) -> str:
    """Return the text with an empty line at its end; nothing for nothing."""
    return "" if not text.strip() else text + "\n" * (2 - min(2, len(text) - len(text.rstrip("\n"))))


WRITERS: Mapping[str, Writer] = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml, ".json": _json}
