"""Named samples: `samples.toml` beside a template, a table for each sample; dates and durations in TOML's own form."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.render import EmailProps

Props = TypeVar("Props", bound=EmailProps)


def read_samples(folder: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of a template by name. Durations are ISO 8601 ("PT30M").

    Raises TemplateInvalid with the file and line and, where a value does not fit its type, the sample and the field.
    """
    file = _file(folder, props.template)
    text, tables = _read(file)
    samples = {}
    for name, table in tables.items():
        try:
            samples[name] = msgspec.convert(table, props)
        except msgspec.ValidationError as error:
            raise TemplateInvalid(str(file), _line_of(name, text), f"sample [{name}]: {error}") from error
    return samples


def read_plain_samples(folder: Path, template: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the samples of a template that no typed props describe. Raises TemplateInvalid."""
    file = _file(folder, template)
    text, tables = _read(file)
    for name, table in tables.items():
        if not isinstance(table, dict):
            message = f"{name} stands outside a sample: write a line [first] above it"
            raise TemplateInvalid(str(file), _line_of(name, text), message)
    return tables


def _file(folder: Path, template: str) -> Path:
    return folder / template / "samples.toml"


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    """Return the file's text and its tables; nothing where there is no file."""
    try:
        text = file.read_text("utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        return "", {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise TemplateInvalid(str(file), int(line[1]) if line else None, str(error)) from error


def _line_of(name: str, text: str) -> int | None:
    """Find the sample's header, or its key where it is no table at all."""
    header = re.compile(rf"\s*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[\]=]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if header.match(line)), None)
