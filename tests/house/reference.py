"""The tables of docs/ that are made of types (`just reference`): settings, the errors of the API.

A table stands below its heading. The rest of a page is written by hand.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_origin

import msgspec
from msgspec import inspect as kinds
from tests.house import promises

from keyturn.service.problems import passwords, problem, proofs, requests
from keyturn.service.problems.problem import Problem
from keyturn.service.settings import Ending, Kind, Settings
from keyturn.service.settings.building import is_section
from keyturn.service.settings.reading import environment_name

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("settings.md", "http.md")
TABLES = re.compile(r"(?m)^(#+ (.+)\n(?:(?!#+ |\|).*\n)*)(?:\|.*\n)+")
FIRST = "At the top of the file"
SEARCHED = "Which safeguard prevents what"
"""Its table comes from `just simulate --ablate`."""

UNITS = {86_400: "d", 3_600: "h", 60: "m", 1: "s"}


def page_of(text: str) -> str:
    """Return a page with today's table below each heading that has one."""
    tables = _tables()
    return TABLES.sub(lambda place: place[1] + tables[place[2]] if place[2] in tables else place[0], text)


def by_hand(text: str) -> str:
    """Return a page without the tables that programs write."""
    made = {*_tables(), SEARCHED}
    return TABLES.sub(lambda place: place[1] if place[2] in made else place[0], text)


@cache
def _tables() -> Mapping[str, str]:
    """Return the tables by their headings. Those of mail providers are written by hand."""
    below = {f"[{name}]": struct for name, struct in _structs(Settings, "") if _said(struct)}
    structs = below | {FIRST: Settings, "[kinds.*]": Kind, "[accounts.table.ends.*]": Ending}
    rows = {heading: _settings(struct, heading) for heading, struct in structs.items()} | {"Errors": _errors()}
    return {heading: "".join(f"{row}\n" for row in made) for heading, made in rows.items()}


def _structs(struct: type[msgspec.Struct], name: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(struct):
        if is_section(field.type):
            section = f"{name}.{field.encode_name}".lstrip(".")
            yield section, field.type
            yield from _structs(field.type, section)


def _settings(struct: type[msgspec.Struct], heading: str) -> Iterator[str]:
    only_in_file = heading.endswith("*]")
    yield "| key | default | |" if only_in_file else "| key | default | environment | |"
    yield "|---|---|---|" if only_in_file else "|---|---|---|---|"
    section = "" if heading == FIRST else heading.strip("[]") + "."
    said = _said(struct)
    for field in msgspec.structs.fields(struct):
        if (name := field.encode_name) not in said:
            continue
        variable = "only in the file" if get_origin(field.type) is dict else f"`{environment_name(section + name)}`"
        cells = [_written(getattr(struct(), field.name)), *([] if only_in_file else [variable])]
        yield _row(f"`{name}`", *cells, said[name])


def _said(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what a docstring says of each field."""
    names = "|".join(field.encode_name for field in msgspec.structs.fields(struct))
    parts = re.split(rf"(?m)^`({names})`: ", inspect.getdoc(struct) or "")[1:]
    return {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _written(default: Any) -> str:
    """Return a default as TOML writes it; "" for an empty text."""
    if isinstance(default, timedelta):
        seconds = int(default.total_seconds())
        unit = next(unit for unit in UNITS if not seconds % unit)
        return f'`"{seconds // unit}{UNITS[unit]}"`'
    if default == "":
        return ""
    return f"`{msgspec.json.encode(default, enc_hook=str).decode().replace(',', ', ')}`"


def _errors() -> Iterator[str]:
    yield "| `type` `urn:keyturn:problem:` … | status | members beside the standard ones | |"
    yield "|---|---|---|---|"
    for one in sorted(problems(), key=lambda one: (one.status, one.slug)):
        members = ", ".join(f"`{name}{_form(kinds.type_info(kind))}`" for name, kind in one.members)
        yield _row(f"`{one.slug}`", str(one.status), members, (inspect.getdoc(one) or "").partition("\n")[0])


def problems() -> list[type[Problem]]:
    """Return the problems that clients meet."""
    ours = [one for module in (problem, requests, proofs, passwords) for one in vars(module).values()]
    return list(dict.fromkeys(one for one in ours if "slug" in getattr(one, "__dict__", ()) and one.title))


def _form(kind: kinds.Type) -> str:
    """Return a member's values or own members; "" for a plain text or number."""
    if isinstance(kind, kinds.UnionType):
        return "".join(map(_form, kind.types)) + " | null"
    if isinstance(kind, kinds.LiteralType):
        return ": " + " | ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, kinds.VarTupleType):
        return f": [{_form(kind.item_type).removeprefix(': ')}]"
    if isinstance(kind, kinds.StructType):
        return f": {{{', '.join(field.encode_name for field in kind.fields)}}}"
    return ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page_of((DOCS / name).read_text("utf-8")), "utf-8")
    promises.PAGE.write_text(promises.page(), "utf-8")
