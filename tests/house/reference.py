"""The tables of docs/ that are made of types (`just reference`): settings, the errors of the API.

A page names a table by the heading above it. What is between the tables is written by hand.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, get_origin

import msgspec
from msgspec import inspect as kinds

from keyturn.service.problems import passwords, proofs, requests
from keyturn.service.problems.problem import Internal, Problem
from keyturn.service.settings import Ending, Kind, Settings
from keyturn.service.settings.building import is_section
from keyturn.service.settings.reading import environment_name

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("settings.md", "http.md")
TABLES = re.compile(r"(?m)^(#+ (.+)\n(?:(?!#+ |\|).*\n)*)(?:\|.*\n)+")
FIRST = "At the top of the file"
ERRORS = "Errors"
SEARCHED = "Which safeguard prevents what"
"""`just simulate --ablate` writes this table."""

UNITS = {86_400: "d", 3_600: "h", 60: "m", 1: "s"}


def page_of(text: str) -> str:
    """Return a page with today's table below each heading that has one."""
    sections = _sections()

    def table(place: re.Match[str]) -> str:
        if place[2] == ERRORS:
            rows = _errors()
        elif struct := sections.get(place[2]):
            rows = _settings(struct, place[2])
        else:
            return place[0]
        return place[1] + "".join(f"{row}\n" for row in rows)

    return TABLES.sub(table, text)


def by_hand(text: str) -> str:
    """Return a page without the tables that programs write."""
    made = {*_sections(), ERRORS, SEARCHED}
    return TABLES.sub(lambda place: place[1] if place[2] in made else place[0], text)


def _sections() -> Mapping[str, type[msgspec.Struct]]:
    """Return the structs of the settings by their headings; docs/mail-providers.md describes the others by hand."""
    below = {f"[{name}]": struct for name, struct in _structs(Settings, "") if _said(struct)}
    return {FIRST: Settings, **below, "[kinds.*]": Kind, "[accounts.table.ends.*]": Ending}


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
        default = _written(getattr(struct(), field.name))
        yield _row(f"`{name}`", default, *([] if only_in_file else [variable]), said[name])


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
    problems = [one for module in (requests, proofs, passwords) for one in vars(module).values()]
    named = [one for one in problems if inspect.isclass(one) and issubclass(one, Problem) and "slug" in vars(one)]
    for problem in sorted({Internal, *named}, key=lambda one: (one.status, one.slug)):
        if problem.title:
            members = ", ".join(f"`{name}{_form(kinds.type_info(kind))}`" for name, kind in problem.members)
            meaning = (inspect.getdoc(problem) or "").partition("\n")[0]
            yield _row(f"`{problem.slug}`", str(problem.status), members, meaning)


def _form(kind: kinds.Type) -> str:
    """Return what stands after a member's name: its values or its own members; "" for a plain text or number."""
    if isinstance(kind, kinds.UnionType):
        return "".join(map(_form, kind.types)) + " | null"
    if isinstance(kind, kinds.LiteralType):
        return ": " + " | ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, kinds.VarTupleType) and isinstance(kind.item_type, kinds.StructType):
        return f": [{{{_names(kind.item_type)}}}]"
    return f": {{{_names(kind)}}}" if isinstance(kind, kinds.StructType) else ""


def _names(struct: kinds.StructType) -> str:
    return ", ".join(field.encode_name for field in struct.fields)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page_of((DOCS / name).read_text("utf-8")), "utf-8")
