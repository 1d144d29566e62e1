"""What an author may go on with at a place: words of the vocabulary that fit there."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from keyturn.emails.language_server.cursor import Cursor
from keyturn.emails.lint.guard import type_in_words

_CLASSES = {"class": "classes", "css-class": "classes", "mj-class": "mj_classes"}
_ENUM = re.compile(r"enum\(([^)]*)\)")
_LOOP_NAMES = ("index", "index0", "first", "last", "length", "revindex", "previtem", "nextitem")


class Completion(msgspec.Struct, frozen=True):
    """A word. `detail`: its type, or what holds it. `inserts`: the text, if it is more than the word."""

    word: str
    kind: str
    detail: str = ""
    inserts: str = ""


def completions(cursor: Cursor, words: Mapping[str, Any], files: Iterable[str]) -> list[Completion]:
    """Return what fits at the cursor. `words`: a `vocabulary`. `files`: what a template can include."""
    match cursor.kind:
        case "element":
            return list(_elements(cursor, words["elements"]))
        case "closing":
            return [Completion(cursor.element, "element", inserts=f"{cursor.element}>")] if cursor.element else []
        case "attribute":
            attributes = words["elements"].get(cursor.element, {}).get("attributes", {})
            return [
                Completion(name, "attribute", type_in_words(kind), f'{name}="$1"')
                for name, kind in attributes.items()
                if name not in cursor.has - {cursor.written}
            ]
        case "value":
            return [Completion(word, "value", cursor.attribute) for word in _values(cursor, words)]
        case "name":
            return list(_names(cursor, words["variables"]))
        case "filter" | "tag" | "test":
            return [Completion(word, cursor.kind) for word in words[f"{cursor.kind}s"]]
        case "file":
            return [Completion(file, "file") for file in files]
    return []


def _elements(cursor: Cursor, elements: Mapping[str, Any]) -> Iterator[Completion]:
    """Yield the children of the element around it; all elements where that is unknown."""
    inside = elements.get(cursor.element)
    for name in inside["children"] if inside else elements:
        yield Completion(name, "element", f"in {cursor.element}" if inside else "")


def _values(cursor: Cursor, words: Mapping[str, Any]) -> Iterable[str]:
    if classes := _CLASSES.get(cursor.attribute):
        return tuple(words[classes])
    kind = words["elements"].get(cursor.element, {}).get("attributes", {}).get(cursor.attribute, "")
    if found := _ENUM.fullmatch(kind):
        return tuple(filter(None, found[1].split(",")))
    return ("true", "false") if kind == "boolean" else ()


def _names(cursor: Cursor, names: Mapping[str, Any]) -> Iterator[Completion]:
    held: Mapping[str, Any] = names
    for step in cursor.path:
        found = held.get("item", {}) if step == "[]" else held.get("attributes", held).get(step, {})
        held = found or {"attributes": {}}
    if cursor.path == ("loop",):
        yield from (Completion(name, "name", "loop") for name in _LOOP_NAMES)
    inside = held.get("attributes", {}) if cursor.path else names
    for name, value in inside.items():
        yield Completion(name, "name", "list" if "item" in value else "")
