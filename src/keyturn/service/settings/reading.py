"""Reads `Settings` from keyturn.toml and the environment.

All faults are reported at once, under the names that the operator wrote.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import Settings
from keyturn.service.settings.building import Builder, Variable, is_section
from keyturn.service.settings.rules import broken_rules, environment_faults
from keyturn.setting_sources import CREDENTIALS, FILE_SUFFIX, Variables, read_toml
from keyturn.values import SecretStr, did_you_mean

FILE_NAME = "keyturn.toml"
PREFIX = "KEYTURN_"


def _other_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for provider in PROVIDERS.values():
        names.update(provider.variables())
    names["SUPABASE_URL"] = "accounts.supabase.url"
    names["SUPABASE_SERVICE_ROLE_KEY"] = "accounts.supabase.service_role_key"
    return names


OTHER_NAMES = _other_names()
"""Variables that do not begin with KEYTURN_, with their settings."""

_STUDIO_TOKEN = "KEYTURN_STUDIO_TOKEN"
_NOT_SETTINGS = {"KEYTURN_CONFIG", _STUDIO_TOKEN}
"""Variables that begin like those of settings, and are none. The studio's command reads its own."""


def read_settings(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    sending: bool = True,
    connecting: bool = True,
    with_file: bool = True,
) -> Settings:
    """Return the settings. The environment overrides the file.

    The parameters are those of `inspect_settings`. Raises SettingsInvalid with every fault.
    """
    reading = inspect_settings(
        file, environ, sending=sending, connecting=connecting, with_file=with_file
    )
    if not reading.faults:
        return reading.settings
    if reading.is_of_no_file:
        raise SettingsInvalid(reading.faults, missing_file=str(reading.file))
    raise SettingsInvalid(reading.faults)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a file and an environment, and their faults.

    A value that cannot be read has its default here.

    `is_of_no_file`: no file was named, and there is none in the working directory.
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

    `file`: by default $KEYTURN_CONFIG, else keyturn.toml in the working directory, which may be
    missing.
    `sending`: whether the process sends mails, and so needs the secrets for that.
    `connecting`: whether the process connects to anything. If not, as to render mails, variables
    that the file names may be missing.
    `with_file`: whether a file is read.
    """
    if file is None and environ.get("KEYTURN_CONFIG"):
        file = Path(environ["KEYTURN_CONFIG"])
    is_named = file is not None
    file = file or Path(FILE_NAME)
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    if with_file:
        values = _read_toml(file, required=is_named, faults=faults)
    of_file = tuple(faults)
    values.pop("studio", None)  # the studio reads its own: gallery/configuration.py
    variables = Variables(environ)
    _overlay_environment(values, environ, variables, faults)
    builder = Builder(variables, file.parent, faults)
    settings, all_faults = _build(values, builder, environ, sending=sending, connecting=connecting)
    return Reading(
        file=file,
        settings=settings,
        # If the file cannot be read, its settings are not missing: only its own fault is true.
        faults=of_file or tuple(all_faults),
        is_of_no_file=not is_named and not file.exists(),
    )


def missing_settings() -> str:
    """Return a sentence if nothing is configured here; "" if there is a file, or a variable of
    Keyturn's.
    """
    if any(name.startswith(PREFIX) for name in os.environ) or CREDENTIALS in os.environ:
        return ""
    if Path(FILE_NAME).exists():
        return ""
    return f"there is no {FILE_NAME} in {Path.cwd()}: all settings have their defaults"


def require_valid(values: Settings | Mapping[str, Any], *, sending: bool = True) -> Settings:
    """Return settings that code has made, checked like those of a file.

    Raises SettingsInvalid.
    """
    builder = Builder(None, Path(), [])
    settings, faults = _build(values, builder, os.environ, sending=sending, connecting=True)
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
    all_faults = list(builder.faults)
    if connecting:
        all_faults += builder.unset
    known = known_variables()
    unread = {known.get(fault.name, fault.name) for fault in (*builder.faults, *builder.unset)}
    for fault in broken_rules(settings, sending=sending, written=_written_names(builder)):
        setting = known.get(fault.name, fault.name)
        # If a value cannot be read, the rules about its default are left out.
        if unread.isdisjoint(_with_sections(setting)):
            all_faults.append(fault)
    if connecting:
        all_faults += environment_faults(settings, environ)
    return settings, [builder.as_shown(fault) for fault in all_faults]


def _read_toml(file: Path, *, required: bool, faults: list[Fault]) -> dict[str, Any]:
    try:
        values = read_toml(file)
    except SettingsInvalid as invalid:
        faults += invalid.faults
        return {}
    except NotADirectoryError as error:
        faults.append(Fault(str(file), f"cannot be read: {error.strerror}"))
        return {}
    if values is None and required:
        faults.append(Fault(str(file), "no such file"))
    return values or {}


def _written_names(builder: Builder) -> set[str]:
    names: set[str] = set()
    for name, origin in builder.origins.items():
        if builder.variables is None:  # the origin of a value in code is not known
            is_own = name not in OTHER_NAMES.values()
        else:
            is_own = origin not in OTHER_NAMES
        if is_own:
            names.update(_with_sections(name))
    return names


def _with_sections(name: str) -> Iterator[str]:
    """Yield the setting and the sections that it is in, such as mail, and mail.from."""
    return accumulate(name.split("."), "{}.{}".format)


def setting_names() -> Iterator[str]:
    """Yield every setting that has a variable, as `section.key`. Tables have no variable."""
    for name, kind in _typed_settings():
        if get_origin(kind) is not dict:
            yield name


def environment_name(setting: str) -> str:
    return PREFIX + setting.replace(".", "_").upper()


def _overlay_environment(
    values: dict[str, Any], environ: Mapping[str, str], variables: Variables, faults: list[Fault]
) -> None:
    known = known_variables()
    secrets = secret_variables()
    in_files = {name for name in secrets if variables.file_of(name)}
    # If a setting has two variables, the one that begins with KEYTURN_ comes last and wins.
    for name in sorted({*environ, *in_files}, key=lambda name: (name.startswith(PREFIX), name)):
        if name in known:
            _override(values, known[name], Variable(name))
            continue
        names_secret = name.removesuffix(FILE_SUFFIX) in secrets
        is_other = name in _NOT_SETTINGS or names_secret
        if name.startswith(PREFIX) and not is_other:
            faults.append(Fault(name, _why_unknown(name, environ, known)))


def _override(values: dict[str, Any], setting: str, variable: Variable) -> None:
    """Put a variable in place of the file's value, unless the file has no section there."""
    *sections, key = setting.split(".")
    target: Any = values
    for section in sections:
        if not isinstance(target, dict):
            return
        target = target.setdefault(section, {})
    if isinstance(target, dict):
        target[key] = variable


def _why_unknown(name: str, environ: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Return why a variable that begins with KEYTURN_ sets nothing."""
    plain = name.removesuffix(FILE_SUFFIX)
    if plain in known:
        return f"only secrets are read from files: set {plain}"
    is_of_service = name.startswith(("KEYTURN_SERVICE_", "KEYTURN_PORT"))
    if is_of_service and "KEYTURN_SERVICE_HOST" in environ:
        fix = "write enableServiceLinks: false into the pod"
        return f"Kubernetes sets it for the Service keyturn: {fix}"
    for table, kind in _typed_settings():
        is_table = get_origin(kind) is dict
        if is_table and f"{name}_".startswith(f"{environment_name(table)}_"):
            return f"can only be set in the file, as {table}"
    return "unknown setting" + did_you_mean(name, known)


def known_variables() -> dict[str, str]:
    """Return the settings by their variables."""
    return {environment_name(setting): setting for setting in setting_names()} | OTHER_NAMES


def secret_variables() -> frozenset[str]:
    """Return the variables of secrets, whose values may also be in files."""
    secrets = {name for name, kind in _typed_settings() if is_secret(kind)}
    variables = {name for name, setting in known_variables().items() if setting in secrets}
    return frozenset({*variables, _STUDIO_TOKEN})


def changed_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each setting that differs from its default, with its value; a secret only as "set"."""
    default = Settings()
    for name, kind in _typed_settings():
        value = _value_of(settings, name)
        if value == _value_of(default, name):
            continue
        text = str(value)
        if isinstance(value, dict | tuple):
            text = ", ".join(map(str, value))
        # A URL may have a password before an @, or a key behind a ?.
        after_scheme = text.partition("://")[2]
        may_log_in = "@" in after_scheme or "?" in after_scheme
        if is_secret(kind) or may_log_in:
            text = "set"
        yield name, text


def _value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for key in name.split("."):
        value = getattr(value, "from_" if key == "from" else key)
    return value


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
