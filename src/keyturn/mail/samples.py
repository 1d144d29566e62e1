"""Named samples: `samples.toml` beside a template, a table for each sample; dates and durations in TOML's own form."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.render import EmailProps

Props = TypeVar("Props", bound=EmailProps)


def read_samples(folder: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of a template by name. Durations are ISO 8601 ("PT30M").

    Raises TemplateInvalid with the file and, where a value does not fit its type, the sample and the field.
    """
    file = folder / props.template / "samples.toml"
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateInvalid(str(file), None, str(error)) from error
    return dict(_convert(tables, props, file))


def _convert(tables: dict[str, object], props: type[Props], file: Path) -> Iterator[tuple[str, Props]]:
    for name, table in tables.items():
        try:
            yield name, msgspec.convert(table, props)
        except msgspec.ValidationError as error:
            raise TemplateInvalid(str(file), None, f"sample [{name}]: {error}") from error
