"""Writes a plan as keyturn.toml, for operators to read and edit."""

import json
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
from keyturn.service.settings.building import toml_key
from keyturn.service.settings.reading import OTHER_NAMES, PREFIX, inspect_settings
from keyturn.setting_sources import FILE_SUFFIX

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
    jinja.filters["toml"] = _value
    jinja.filters["lines"] = _lines
    template = jinja.from_string(_TEMPLATE.read_text("utf-8"))
    text = template.render(plan=plan, columns=_COLUMNS, providers=", ".join(PROVIDERS))
    return text.rstrip() + "\n"


def faults_in(text: str, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return the faults that `read_settings` would find in a file with this text.

    Variables of the environment that override settings are ignored.
    """
    alone = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) and name.removesuffix(FILE_SUFFIX) not in OTHER_NAMES:
            alone[name] = value
    with TemporaryDirectory() as folder:
        file = Path(folder) / "keyturn.toml"
        file.write_text(text, "utf-8")
        return inspect_settings(file, alone, sending=False).faults


def ending_line(entry: str, ending: Ending) -> str:
    return _lines({entry: ending}).rstrip()


def _lines(entries: Mapping[str, Any]) -> str:
    return "".join(f"{toml_key(key)} = {_value(value)}\n" for key, value in entries.items())


def _value(value: Any) -> str:
    if isinstance(value, Ending):
        return _table(_without_defaults(value))
    if isinstance(value, Mapping):
        return _table(value)
    if isinstance(value, list | tuple):
        members = ", ".join(map(_value, value))
        return f"[{members}]"
    # TOML writes texts, numbers, true and false as JSON does.
    return json.dumps(value, ensure_ascii=False)


def _without_defaults(ending: Ending) -> Mapping[str, Any]:
    usual = msgspec.to_builtins(Ending())
    written = msgspec.to_builtins(ending)
    return {key: value for key, value in written.items() if value != usual[key]}


def _table(values: Mapping[str, Any]) -> str:
    members = ", ".join(f"{toml_key(key)} = {_value(value)}" for key, value in values.items())
    return "{" + members + "}"
