"""The data of a sample: what the template is given, as rows to read and as a table to start from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from keyturn.mail.render import EmailProps

Sample = EmailProps | Mapping[str, Any]

_PLACEHOLDERS: Mapping[type[inspect.Type], str] = {
    inspect.StrType: '""',
    inspect.DateTimeType: "2026-11-20T14:32:00Z",
    inspect.TimeDeltaType: '"PT30M"',
    inspect.IntType: "1",
    inspect.FloatType: "1.0",
    inspect.BoolType: "true",
}


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: str
    type: str
    description: str


def values_of(sample: Sample) -> Mapping[str, Any]:
    return msgspec.structs.asdict(sample) if isinstance(sample, EmailProps) else sample


def rows(sample: Sample) -> tuple[Row, ...]:
    described = dict(_descriptions(type(sample))) if isinstance(sample, EmailProps) else {}
    return tuple(
        Row(name, str(value), type(value).__name__, described.get(name, ""))
        for name, value in values_of(sample).items()
    )  # fmt: skip


def first_sample(props: type[EmailProps] | None) -> str:
    """Return the text of a samples.toml to start from: each prop with its description."""
    lines = ["[first]"]
    if props is None:
        return "\n".join([*lines, 'name = "Ada"'])
    described = dict(_descriptions(props))
    for field in _fields(props):
        placeholder = _PLACEHOLDERS.get(type(_bare(field.type)), '""')
        comment = f"  # {described[field.name]}" if field.name in described else ""
        lines.append(f"{field.name} = {placeholder}{comment}")
    return "\n".join(lines)


def _descriptions(props: type[EmailProps]) -> Iterator[tuple[str, str]]:
    for field in _fields(props):
        if isinstance(field.type, inspect.Metadata) and field.type.extra_json_schema:
            yield field.name, field.type.extra_json_schema.get("description", "")


def _fields(props: type[EmailProps]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(props)
    return described.fields if isinstance(described, inspect.StructType) else ()


def _bare(described: inspect.Type) -> inspect.Type:
    return described.type if isinstance(described, inspect.Metadata) else described
