"""The tables of docs/ that are made of types (`just reference`): settings, routes, events, errors.

A table stands below its heading. The rest of a page is written by hand.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_origin

import msgspec
from msgspec import inspect as kinds
from tests.house import promises

from keyturn.mail.providers import PROVIDERS
from keyturn.service.app import create_app
from keyturn.service.pages.reference import groups_of
from keyturn.service.problems import passwords, problem, proofs, requests
from keyturn.service.problems.problem import Problem
from keyturn.service.reset.events import EVENTS, AboutAccount
from keyturn.service.settings import Ending, Kind, Settings
from keyturn.service.settings.building import is_section
from keyturn.service.settings.reading import environment_name
from keyturn.studio.gallery.configuration import StudioSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("settings.md", "http.md", "mail-providers.md", "studio.md")
TABLES = re.compile(r"(?m)^(#+ (.+)\n(?:(?!#+ |\|).*\n)*)(?:\|.*\n)+")
FIRST = "At the top of the file"

UNITS = {86_400: "d", 3_600: "h", 60: "m", 1: "s"}

EVERY_ROUTE = {
    "environment": "development",
    "secret_key": "x" * 32,
    "mail": {"transport": "capture"},
    "challenge": {"method": "altcha"},
    "token": {"code": True},
    "invitations": {"service_key": "y" * 32, "link_key": "z" * 32},
}
"""Settings with which a service has all of its routes."""

OF_MOST_ROUTES = {
    "busy",
    "invalid-input",
    "too-large",
    "too-many-requests",
    "unavailable",
    "unsupported-media-type",
}


def page_of(text: str) -> str:
    """Return a page with today's table below each heading that has one."""
    tables = _tables()
    return TABLES.sub(
        lambda place: place[1] + tables[place[2]] if place[2] in tables else place[0], text
    )


@cache
def _tables() -> Mapping[str, str]:
    """Return the tables by their headings."""
    below = {
        f"[{name}]": struct
        for name, struct in _structs(Settings, "")
        if struct not in {Kind, Ending}
    }
    structs = below | {
        FIRST: Settings,
        "[kinds.*]": Kind,
        "[accounts.table.ends.*]": Ending,
        "[studio]": StudioSettings,
    }
    rows = {heading: _settings(struct, heading) for heading, struct in structs.items()}
    rows |= {"Routes": _routes(), "Events": _events(), "Errors": _errors()}
    return {heading: "".join(f"{row}\n" for row in made) for heading, made in rows.items()}


def _structs(struct: type[msgspec.Struct], name: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(struct):
        if is_section(field.type):
            section = f"{name}.{field.encode_name}".lstrip(".")
            yield section, field.type
            yield from _structs(field.type, section)


def _settings(struct: type[msgspec.Struct], heading: str) -> Iterator[str]:
    only_in_file = heading.endswith("*]") or heading == "[studio]"
    yield "| key | default | |" if only_in_file else "| key | default | environment | |"
    yield "|---|---|---|" if only_in_file else "|---|---|---|---|"
    section = "" if heading == FIRST else heading.strip("[]") + "."
    said, provider = _said(struct), PROVIDERS.get(section.rstrip("."))
    for variable, setting in provider.variables().items() if provider else ():
        name = setting.removeprefix(section)
        said[name] = "; ".join(filter(None, [said.get(name), f"also read from `{variable}`"]))
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name not in said and not provider:
            continue
        variable = (
            "only in the file"
            if get_origin(field.type) is dict
            else f"`{environment_name(section + name)}`"
        )
        default = _written(getattr(struct(), field.name)) + _range(kinds.type_info(field.type))
        cells = [default, *([] if only_in_file else [variable])]
        yield _row(f"`{name}`", *cells, said.get(name, ""))


def _said(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what a docstring says of each field."""
    names = "|".join(field.encode_name for field in msgspec.structs.fields(struct))
    parts = re.split(rf"(?m)^`({names})`: ", inspect.getdoc(struct) or "")[1:]
    return {
        name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _written(default: Any) -> str:
    """Return a default as TOML writes it; "" for none."""
    if isinstance(default, timedelta):
        seconds = int(default.total_seconds())
        unit = next(unit for unit in UNITS if not seconds % unit)
        return f'`"{seconds // unit}{UNITS[unit]}"`'
    if default in ("", None):
        return ""
    return f"`{msgspec.json.encode(default, enc_hook=str).decode().replace(',', ', ')}`"


def _range(kind: kinds.Type) -> str:
    """Return the numbers that a setting may be; "" for anything else."""
    if not isinstance(kind, kinds.IntType | kinds.FloatType):
        return ""
    if kind.gt is not None:
        return f", more than {kind.gt}"
    return f", {kind.ge} or more" if kind.le is None else f", {kind.ge} to {kind.le}"


def _routes() -> Iterator[str]:
    """Yield each operation with what it takes and answers, the problems that not all have, and what
    it is for.
    """
    settings = msgspec.convert(
        EVERY_ROUTE, Settings, strict=False, dec_hook=lambda kind, text: kind(text)
    )
    document = create_app(settings, worker=False).openapi_schema.to_schema()
    schemas = document["components"]["schemas"]
    yield "| route | in | out | its own problems | |"
    yield "|---|---|---|---|---|"
    for one in (operation for group in groups_of(document, "").values() for operation in group):
        described = document["paths"][one.paths[0]][one.method.lower()]
        answers = {
            status: _bodies(schemas, answer) for status, answer in described["responses"].items()
        }
        slugs = {
            struct["properties"]["type"]["const"].rpartition(":")[2]
            for status, structs in answers.items()
            if status >= "400"
            for struct in structs
        }
        (status,) = (status for status in answers if status < "300")
        taken = _shown(schemas, _bodies(schemas, described.get("requestBody", {})))
        own = ", ".join(f"`{slug}`" for slug in sorted(slugs - OF_MOST_ROUTES))
        paths = ", ".join(f"`{one.method} {path}`" for path in one.paths)
        said = " ".join(f"{one.summary}. {one.description}".split())
        yield _row(paths, taken, f"{status} {_shown(schemas, answers[status])}", own, said)


def _bodies(schemas: Mapping[str, Any], message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the structs that a request or an answer may have."""
    return [
        one
        for content in message.get("content", {}).values()
        for one in _structures(schemas, content["schema"])
    ]


def _structures(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the structs that a value may be, which may be in a list."""
    if "oneOf" in schema:
        return [struct for option in schema["oneOf"] for struct in _structures(schemas, option)]
    if "items" in schema:
        return _structures(schemas, schema["items"])
    named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return [named] if "properties" in named else []


def _shown(schemas: Mapping[str, Any], structs: Iterable[Mapping[str, Any]]) -> str:
    """Return their members, with `?` after those that may be missing."""
    return " or ".join(f"`{_members(schemas, struct)}`" for struct in structs)


def _members(schemas: Mapping[str, Any], struct: Mapping[str, Any]) -> str:
    members = []
    for name, schema in struct["properties"].items():
        below = [_members(schemas, one) for one in _structures(schemas, schema)]
        told = (
            f": [{below[0]}]" if below and "items" in schema else f": {below[0]}" if below else ""
        )
        members.append(f"{name}{'' if name in struct.get('required', ()) else '?'}{told}")
    return f"{{{', '.join(members)}}}"


def _events() -> Iterator[str]:
    yield "| type | members of its own | when |"
    yield "|---|---|---|"
    shared = {field.name for field in msgspec.structs.fields(AboutAccount)}
    for name, struct in EVENTS.items():
        fields = [field for field in msgspec.structs.fields(struct) if field.name not in shared]
        members = ", ".join(
            f"`{one.encode_name}{'' if one.required else '?'}{_form(kinds.type_info(one.type))}`"
            for one in fields
        )
        yield _row(f"`{name}`", members, " ".join((inspect.getdoc(struct) or "").split()))


def _errors() -> Iterator[str]:
    yield "| `type` `urn:keyturn:problem:` … | status | members beside the standard ones | |"
    yield "|---|---|---|---|"
    for one in sorted(problems(), key=lambda one: (one.status, one.slug)):
        members = ", ".join(f"`{name}{_form(kinds.type_info(kind))}`" for name, kind in one.members)
        yield _row(
            f"`{one.slug}`",
            str(one.status),
            members,
            _first_paragraph(inspect.getdoc(one) or ""),
        )


def _first_paragraph(text: str) -> str:
    return text.partition("\n\n")[0].replace("\n", " ")


def problems() -> list[type[Problem]]:
    """Return the problems that clients meet."""
    ours = [
        one for module in (problem, requests, proofs, passwords) for one in vars(module).values()
    ]
    return list(
        dict.fromkeys(one for one in ours if "slug" in getattr(one, "__dict__", ()) and one.title)
    )


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
