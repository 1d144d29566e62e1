"""The tables of docs/settings.md, made of the types of the settings (`just settings`).

A row is a field: its name, its default, its variable, and what the docstring of its struct says of it. What is between
the tables is written by hand.
"""

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_origin

import msgspec

from keyturn.service.settings import Ending, Kind, Settings
from keyturn.service.settings.building import is_section
from keyturn.service.settings.reading import environment_name

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
TABLES = re.compile(r"(?m)^(## .+\n(?:(?!## |\| key).*\n)*)(?:\|.*\n)+")
FIRST = "At the top of the file"
UNITS = {86_400: "d", 3_600: "h", 60: "m", 1: "s"}


def page_of(text: str) -> str:
    """Return the page with a table of today's settings below each heading that has a table."""
    sections = dict(_sections(Settings, "")) | {"kinds.*": Kind, "accounts.table.ends.*": Ending}

    def table(place: re.Match[str]) -> str:
        heading = place[1].partition("\n")[0].removeprefix("## ")
        struct = sections.get("" if heading == FIRST else heading.strip("[]"))
        return place[1] + "".join(f"{row}\n" for row in _table(struct, heading)) if struct else place[0]

    return TABLES.sub(table, text)


def _sections(struct: type[msgspec.Struct], name: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield name, struct
    for field in msgspec.structs.fields(struct):
        if is_section(field.type):
            yield from _sections(field.type, f"{name}.{field.encode_name}".lstrip("."))


def _table(struct: type[msgspec.Struct], heading: str) -> Iterator[str]:
    only_in_file = heading.endswith("*]")
    yield "| key | default | |" if only_in_file else "| key | default | environment | |"
    yield "|---|---|---|" if only_in_file else "|---|---|---|---|"
    section = "" if heading == FIRST else heading.strip("[]") + "."
    said = _said(struct)
    for field in msgspec.structs.fields(struct):
        if (name := field.encode_name) not in said:
            continue
        variable = "only in the file" if get_origin(field.type) is dict else f"`{environment_name(section + name)}`"
        cells = [
            f"`{name}`",
            _written(getattr(struct(), field.name)),
            *([] if only_in_file else [variable]),
            said[name],
        ]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


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


if __name__ == "__main__":
    PAGE.write_text(page_of(PAGE.read_text("utf-8")), "utf-8")
