"""Writes a plan as keyturn.toml, for operators to read and edit."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined

from keyturn.errors import Fault
from keyturn.mail.providers import PROVIDERS
from keyturn.service.onboarding.plan import Plan
from keyturn.service.settings import Ending
from keyturn.service.settings.reading import OTHER_NAMES, PREFIX, inspect_settings
from keyturn.service.settings.variables import FILE_SUFFIX

_TEMPLATE = Path(__file__).with_name("keyturn.toml.jinja")

_COLUMNS = {
    "name": "the column with the user's name, for mails",
    "active": 'active users: "is_active", ["not deleted_at", "not banned_at"], or "not status = '
    'suspended | deleted"',
    "provider": "the column with the service that a user signs in with",
    "kind": "the column with the kind of user, for [kinds]",
    "locale": "the column with the user's language",
}


def as_toml(plan: Plan) -> str:
    """Return the text of the file. It names the variables of the secrets, but holds no secret."""
    jinja = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML
    )
    jinja.filters |= {"toml": _value, "lines": _lines}
    template = jinja.from_string(_TEMPLATE.read_text("utf-8"))
    return (
        template.render(plan=plan, columns=_COLUMNS, providers=", ".join(PROVIDERS)).rstrip() + "\n"
    )


def faults_in(text: str, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return the faults that `read_settings` would find in a file with this text.

    Variables of the environment that override settings are ignored.
    """
    alone = {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) and name.removesuffix(FILE_SUFFIX) not in OTHER_NAMES
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / "keyturn.toml"
        file.write_text(text, "utf-8")
        return inspect_settings(file, alone, sending=False).faults


def ending_line(entry: str, ending: Ending) -> str:
    return _lines({entry: ending}).rstrip()


def _lines(entries: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in entries.items())


def _value(value: Any) -> str:
    if isinstance(value, Ending):
        return _value(
            {
                key: one
                for key, one in msgspec.to_builtins(value).items()
                if one != getattr(Ending(), key)
            }
        )
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # TOML writes texts, numbers, true and false as JSON does.
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
