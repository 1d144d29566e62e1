"""Named samples: `samples.toml` beside a template, a table for each sample; dates and durations in TOML's own form."""

import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.render import EmailProps

Props = TypeVar("Props", bound=EmailProps)


def read_samples(folder: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of a template by name. Durations are ISO 8601 ("PT30M").

    Raises TemplateInvalid with the file and line and, where a value does not fit its type, the sample and the field.
    """
    file = folder / props.template / "samples.toml"
    try:
        text = file.read_text("utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise TemplateInvalid(str(file), int(line[1]) if line else None, str(error)) from error
    samples = {}
    for name, table in tables.items():
        try:
            samples[name] = msgspec.convert(table, props)
        except msgspec.ValidationError as error:
            raise TemplateInvalid(str(file), _line_of(name, text), f"sample [{name}]: {error}") from error
    return samples


def _line_of(name: str, text: str) -> int | None:
    """Find the sample's header, or its key where it is no table at all."""
    header = re.compile(rf"\s*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[\]=]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if header.match(line)), None)
