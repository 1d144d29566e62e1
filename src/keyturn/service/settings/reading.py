"""Reads Settings from keyturn.toml and the environment, or reports every fault at once, under the
user's names.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.providers import PROVIDERS
from keyturn.plain_files import read_plain_text
from keyturn.service.settings import Settings
from keyturn.service.settings.building import Builder, Variable, is_section
from keyturn.service.settings.rules import broken_rules, environment_faults, value_of
from keyturn.service.settings.variables import CREDENTIALS, FILE_SUFFIX, Variables
from keyturn.values import SecretStr, did_you_mean

FILE_NAME = "keyturn.toml"
PREFIX = "KEYTURN_"
_LARGEST = 1_000_000
OTHER_NAMES = {
    **{
        name: setting
        for provider in PROVIDERS.values()
        for name, setting in provider.variables().items()
    },
    "SUPABASE_URL": "accounts.supabase.url",
    "SUPABASE_SERVICE_ROLE_KEY": "accounts.supabase.service_role_key",
}

_STUDIO_TOKEN = "KEYTURN_STUDIO_TOKEN"
_NOT_SETTINGS = {"KEYTURN_CONFIG", _STUDIO_TOKEN}
"""Variables with the prefix of settings that are not settings. The studio reads its own."""


def read_settings(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    sending: bool = True,
    connecting: bool = True,
    with_file: bool = True,
) -> Settings:
    """Return the settings; the environment beats the file.

    Raises SettingsInvalid with every fault.
    """
    reading = inspect_settings(
        file, environ, sending=sending, connecting=connecting, with_file=with_file
    )
    if reading.faults:
        raise SettingsInvalid(
            reading.faults, missing_file=str(reading.file) if reading.is_of_no_file else ""
        )
    return reading.settings


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a file and an environment, and their faults.

    An unreadable value is its default.
    """

    file: Path
    settings: Settings
    faults: tuple[Fault, ...]
    is_of_no_file: bool = False


def inspect_settings(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    sending: bool = True,
    connecting: bool = True,
    with_file: bool = True,
) -> Reading:
    """Return the settings with all faults: unknown keys, bad values, missing secrets, broken rules.

    `file`: by default $KEYTURN_CONFIG, then keyturn.toml in the working directory, which may be
    missing.
    `sending`: whether the process sends mails, and so needs their secrets.
    `connecting`: whether it connects to anything. To render mails, a variable that the file names
    may be missing.
    """
    named = file or (Path(environ["KEYTURN_CONFIG"]) if environ.get("KEYTURN_CONFIG") else None)
    faults: list[Fault] = []
    file = named or Path(FILE_NAME)
    values = _read_toml(file, required=named is not None, faults=faults) if with_file else {}
    of_file = tuple(faults)
    values.pop("studio", None)  # the studio reads its own: gallery/configuration.py
    variables = Variables(environ)
    _overlay_environment(values, environ, variables, faults)
    builder = Builder(variables, file.parent, faults)
    settings, faults = _build(values, builder, environ, sending=sending, connecting=connecting)
    # What a file that cannot be read would set is not missing, so only the fault of the file is
    # true.
    told = of_file or tuple(faults)
    return Reading(
        file=file, settings=settings, faults=told, is_of_no_file=not (named or file.exists())
    )


def missing_settings() -> str:
    """Return in words that nothing is configured here; "" if a file or a variable of Keyturn's
    exists.
    """
    if (
        any(name.startswith(PREFIX) or name == CREDENTIALS for name in os.environ)
        or Path(FILE_NAME).exists()
    ):
        return ""
    return f"there is no {FILE_NAME} in {Path.cwd()}: all settings have their defaults"


def require_valid(values: Settings | Mapping[str, Any], *, sending: bool = True) -> Settings:
    """Return settings that code has made or changed, checked as those of a file.

    Raises SettingsInvalid.
    """
    settings, faults = _build(
        values, Builder(None, Path(), []), os.environ, sending=sending, connecting=True
    )
    if faults:
        raise SettingsInvalid(faults)
    return settings


def _build(
    values: Settings | Mapping[str, Any],
    builder: Builder,
    environ: Mapping[str, str],
    *,
    sending: bool,
    connecting: bool,
) -> tuple[Settings, list[Fault]]:
    settings = builder.build(Settings, values)
    broken = broken_rules(settings, sending=sending, written=_written_names(builder))
    # A rule about a default says nothing where that replaces an unreadable value.
    known = known_variables()
    unread = {known.get(fault.name, fault.name) for fault in (*builder.faults, *builder.unset)}
    news = (
        fault
        for fault in broken
        if unread.isdisjoint(_with_sections(known.get(fault.name, fault.name)))
    )
    all_faults = [*builder.faults, *(builder.unset if connecting else ()), *news]
    if connecting:
        all_faults += environment_faults(settings, environ)
    return settings, [builder.as_shown(fault) for fault in all_faults]


def _read_toml(file: Path, *, required: bool, faults: list[Fault]) -> dict[str, Any]:
    try:
        return tomllib.loads(read_plain_text(file, _LARGEST, encoding="utf-8-sig"))
    except FileNotFoundError:
        if required:
            faults.append(Fault(str(file), "no such file"))
    except (
        OSError,
        ValueError,
        RecursionError,
    ) as error:  # of TOML, of UTF-8, or of a number of thousands of digits
        why = (
            "nested too deeply"
            if isinstance(error, RecursionError)
            else getattr(error, "strerror", "") or str(error)
        )
        faults.append(Fault(str(file), f"cannot be read: {why.partition('; use sys.')[0]}"))
    return {}


def _written_names(builder: Builder) -> set[str]:
    if builder.variables is None:  # of a value in code, the origin is no longer known
        own = builder.origins.keys() - OTHER_NAMES.values()
    else:
        own = {name for name, origin in builder.origins.items() if origin not in OTHER_NAMES}
    return {section for name in own for section in _with_sections(name)}


def _with_sections(name: str) -> Iterator[str]:
    return accumulate(name.split("."), "{}.{}".format)


def setting_names() -> Iterator[str]:
    """Yield every setting that has a variable, as `section.key`; those that are
    tables have none.
    """
    return (name for name, kind in _typed_settings() if get_origin(kind) is not dict)


def environment_name(setting: str) -> str:
    return PREFIX + setting.replace(".", "_").upper()


def _overlay_environment(
    values: dict[str, Any], environ: Mapping[str, str], variables: Variables, faults: list[Fault]
) -> None:
    known, secrets = known_variables(), secret_variables()
    in_files = {name for name in secrets if variables.file_of(name)}
    tables = [name for name, kind in _typed_settings() if get_origin(kind) is dict]
    # Where a setting has two names, Keyturn's own comes last and wins.
    for name in sorted({*environ, *in_files}, key=lambda name: (name.startswith(PREFIX), name)):
        if name in known:
            *sections, key = known[name].split(".")
            target: Any = values
            for section in sections:
                target = target.setdefault(section, {}) if isinstance(target, dict) else None
            if isinstance(target, dict):
                target[key] = Variable(name)
        elif (
            name.startswith(PREFIX)
            and name not in _NOT_SETTINGS
            and name.removesuffix(FILE_SUFFIX) not in secrets
        ):
            table = next(
                (table for table in tables if f"{name}_".startswith(f"{environment_name(table)}_")),
                "",
            )
            sentence = f"can only be set in the file, as {table}" if table else ""
            if (plain := name.removesuffix(FILE_SUFFIX)) in known:
                sentence = f"only secrets are read from files: set {plain}"
            elif (
                name.startswith(("KEYTURN_SERVICE_", "KEYTURN_PORT"))
                and "KEYTURN_SERVICE_HOST" in environ
            ):
                sentence = (
                    "Kubernetes sets it for the Service keyturn: write enableServiceLinks: "
                    "false into the pod"
                )
            faults.append(Fault(name, sentence or "unknown setting" + did_you_mean(name, known)))


def known_variables() -> dict[str, str]:
    return {environment_name(setting): setting for setting in setting_names()} | OTHER_NAMES


def secret_variables() -> frozenset[str]:
    secrets = {name for name, kind in _typed_settings() if is_secret(kind)}
    return frozenset(
        {name for name, setting in known_variables().items() if setting in secrets}
        | {_STUDIO_TOKEN}
    )


def changed_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each setting that differs from its default, with its value, but of a secret only that
    it is set.
    """
    for name, kind in _typed_settings():
        if (value := value_of(settings, name)) != value_of(Settings(), name):
            text = ", ".join(map(str, value)) if isinstance(value, dict | tuple) else str(value)
            may_log_in = not {"@", "?"}.isdisjoint(
                text.partition("://")[2]
            )  # an address with a password or a key
            yield name, "set" if is_secret(kind) or may_log_in else text


def is_secret(kind: Any) -> bool:
    return SecretStr in (kind, *get_args(kind))


def _typed_settings(
    struct: type[msgspec.Struct] = Settings, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(struct):
        name = f"{prefix}{field.encode_name}"
        if is_section(field.type):
            yield from _typed_settings(field.type, f"{name}.")
        else:
            yield name, field.type
