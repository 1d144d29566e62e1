"""The settings: `[studio]` in keyturn.toml, or `[tool.keyturn.studio]` in pyproject.toml."""

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.languages.catalogues import parse_locale
from keyturn.plain_files import leads_out
from keyturn.setting_sources import read_toml
from keyturn.studio.gallery.naming import bounds_of
from keyturn.studio.renderers.limits import Limits
from keyturn.values import did_you_mean, mismatch

_PLACES = (("keyturn.toml", ("studio",)), ("pyproject.toml", ("tool", "keyturn", "studio")))
# Returns the faults of values that are set.
SettingsRules = Callable[[Mapping[str, Any]], Iterable[Fault]]
_SHARED = stat.S_ISVTX | stat.S_IWOTH
_SUFFIX = re.compile(r"\.[\w-]+")
_CODE = (
    ("env", r"[^/]+:[^/]+", "package.module:environment"),
    ("props", r"[^/]+", "package.module"),
)
_TRUSTING = "if you trust the folder, add --trust"


class StudioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a folder of templates. Paths are relative to `file`, which holds the settings.

    `folder`: the folder if the command names none
    `env`: with `--trust`: the Jinja environment, like `--env`
    `props`: with `--trust`: a module whose `EmailProps` give the form types and limits
    `layouts`: patterns of shared files
    `ignore`: files to leave out: `["drafts/*"]`
    `suffixes`: more endings of templates: `[".njk"]`
    `locales`: the folder of catalogues
    `languages`: languages without a catalogue
    `timezone`: the zone of times
    `sender`: the From address to show
    `clients`: the mail clients that the checks cover: `["apple", "gmail", "outlook"]`
    `severity`: by rule or group, `error`, `warning`, `note` or `off`: `{compatibility = "note"}`
    ([check](check.md#check-an-existing-folder))
    `snapshots`: the folder of the [snapshots](check.md#mail-snapshots)
    `snapshot_languages`: their languages. Default: all
    `editor`: a name (`vscode`, `cursor`, `zed`, `pycharm`, `sublime` ...) or a pattern with
    `{path}`, `{line}`, `{column}`
    `limit_seconds`: of the processor, for one mail
    `limit_megabytes`: for one mail
    `branches`: `false` does not force [branches](check.md#every-branch)
    `globals`: values for every template
    `brands`: a table for each brand to switch to; it overrides `globals`, or `[brand]` for
    Keyturn's own mails
    """

    folder: Path | None = None
    env: str = ""
    props: str = ""
    layouts: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    locales: Path | None = None
    languages: tuple[str, ...] = ()
    timezone: str = "UTC"
    sender: str = ""
    clients: tuple[str, ...] = ()
    severity: dict[str, str] = {}
    snapshots: Path | None = None
    snapshot_languages: tuple[str, ...] = ()
    editor: str = ""
    limit_seconds: Annotated[float, Meta(ge=0.1, le=300)] = 5
    limit_megabytes: Annotated[int, Meta(ge=64, le=16_384)] = 512
    branches: bool = True
    globals: dict[str, Any] = {}
    brands: dict[str, dict[str, Any]] = {}
    file: Path | None = None

    @property
    def limits(self) -> Limits:
        return Limits(self.limit_seconds, self.limit_megabytes)


_SETTINGS = [field for field in msgspec.structs.fields(StudioSettings) if field.name != "file"]
_TYPES = {field.name: field.type for field in _SETTINGS}


def _no_rules(_: Mapping[str, Any]) -> Iterable[Fault]:
    return ()


def read_studio_settings(
    place: Path, *, rules: SettingsRules = _no_rules, follows_links: bool = True
) -> StudioSettings:
    """Return the nearest settings, in a place or above, up to its repository.

    Raises SettingsInvalid of all faults.
    """
    here = place.resolve()
    for above in (here, *here.parents):
        for name, section in _PLACES:
            file = above / name
            if not follows_links:
                reason = _leads_out(file)
                if reason:
                    raise SettingsInvalid.of(str(file), f"{reason}, so it is not read; {_TRUSTING}")
            values = _section(file, section)
            if values is not None:
                return _build(values, file, ".".join(section), rules)
        if (above / ".git").exists():  # folders above belong to other projects
            break
        # In /tmp, others could leave settings (CWE-379).
        if above.parent.stat().st_mode & _SHARED == _SHARED:
            break
    return StudioSettings()


def settings_of_folder(
    folder: Path, *, rules: SettingsRules = _no_rules, trusted: bool = False
) -> StudioSettings:
    """Return the settings in or above a folder, or the defaults if they name another folder.

    Raises SettingsInvalid, also if an untrusted folder's settings name a folder outside of their
    repository.
    """
    here = folder.resolve()
    settings = read_studio_settings(folder, rules=rules, follows_links=trusted)
    # `snapshots` only counts if the settings name this folder or lie in it.
    is_own = settings.file is not None and settings.file.parent == here
    if settings.folder:
        named = settings.folder.resolve()
        is_own = named == here
        if not here.is_relative_to(named):
            reason = "" if trusted else _why_not("folder", settings.folder, settings)
            if reason:
                raise SettingsInvalid.of(f"{settings.file} folder", f"{reason}; {_TRUSTING}")
            return StudioSettings()
    if not is_own:
        return msgspec.structs.replace(settings, snapshots=None)
    return settings


_HARMLESS = frozenset(
    (
        "branches",
        "brands",
        "clients",
        "globals",
        "ignore",
        "languages",
        "layouts",
        "sender",
        "severity",
        "snapshot_languages",
        "suffixes",
        "timezone",
    )
)


def refused_without_trust(settings: StudioSettings) -> Iterator[Fault]:
    """Yield what an untrusted folder may not set: code to run, files outside of it, an editor's
    pattern, and higher limits.
    """
    for field in msgspec.structs.fields(StudioSettings):
        value = getattr(settings, field.name)
        if value != field.default:
            reason = _why_not(field.name, value, settings)
            if reason:
                yield Fault(f"{settings.file} {field.name}", f"{reason}; {_TRUSTING}")


def _why_not(name: str, value: Any, settings: StudioSettings) -> str:
    """Return why an untrusted folder may not set this; "" if it may."""
    match name:
        case "env" | "props":
            return f'would run the code of "{value}"'
        case "folder" | "locales" | "snapshots":
            bounds = bounds_of(settings.file.parent if settings.file else Path.cwd())
            if leads_out(value, bounds):
                return f"leads out of {bounds}"
        case "limit_seconds" | "limit_megabytes":
            usual = getattr(StudioSettings(), name)
            if value > usual:
                return f"is {value:.15g}, more than {usual:g}"
        case "editor":
            # A pattern could open any program that is registered for addresses.
            if "{" in value:
                return f"is an address, {value!r}, but only the name of an editor is allowed"
        case "file":  # the place of the settings
            return _leads_out(value)
        case _ if name not in _HARMLESS:
            return "counts only in trusted folders"
    return ""


def _leads_out(file: Path) -> str:
    bounds = bounds_of(file.parent) if file.is_symlink() else None
    if leads_out(file, bounds):
        return f"is a link that leads out of {bounds}"
    return ""


def _section(file: Path, path: tuple[str, ...]) -> Any:
    try:
        values: Any = read_toml(file)
    except NotADirectoryError:  # the place of the search may be a file
        return None
    for name in path:
        if not isinstance(values, dict):
            return None
        values = values.get(name)
    return values


def _build(section_values: Any, file: Path, section: str, rules: SettingsRules) -> StudioSettings:
    if not isinstance(section_values, dict):
        raise SettingsInvalid.of(str(file), f"{section} is a section: write [{section}]")
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in section_values.items():
        if key not in _TYPES:
            faults.append(Fault(key, "unknown setting" + did_you_mean(key, _TYPES)))
            continue
        mismatches = list(_mismatches(key, value, _TYPES[key]))
        faults += mismatches
        if not mismatches:
            values[key] = msgspec.convert(
                value, _TYPES[key], dec_hook=lambda _, path: file.parent / path
            )
    faults += _broken_rules(values, file)
    faults += rules(values)
    if faults:
        named = [Fault(f"{file} [{section}] {fault.name}", fault.message) for fault in faults]
        raise SettingsInvalid(named)
    return StudioSettings(**values, file=file)


def _mismatches(name: str, value: Any, wanted: Any) -> Iterator[Fault]:
    """Yield the fault of a value of the wrong type; those of the members, if a table is expected
    and given.
    """
    if isinstance(value, dict) and get_origin(wanted) is dict:
        for key, member in value.items():
            yield from _mismatches(f"{name}.{key}", member, get_args(wanted)[1])
        return
    try:
        msgspec.convert(value, wanted, dec_hook=lambda _, path: Path(path))
    except msgspec.ValidationError:
        yield Fault(name, mismatch(value, wanted))


def _broken_rules(values: Mapping[str, Any], file: Path) -> Iterator[Fault]:
    for key in ("folder", "locales"):
        folder = values.get(key)
        if folder and not folder.is_dir():
            is_inside = folder.is_relative_to(file.parent)
            shown = folder.relative_to(file.parent) if is_inside else folder
            yield Fault(key, f"no such folder: {shown.as_posix()}")
    for key, form, shape in _CODE:
        value = values.get(key)
        if value and (value.endswith(".py") or not re.fullmatch(form, value)):
            yield Fault(key, f"must be written as {shape}")
    for suffix in values.get("suffixes", ()):
        if not _SUFFIX.fullmatch(suffix):
            reason = f"must begin with a dot and have no other, as .html: not {suffix!r}"
            yield Fault("suffixes", reason)
    try:
        ZoneInfo(values.get("timezone", "UTC"))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        yield Fault("timezone", f"no such time zone: {values['timezone']}")
    for tag in values.get("languages", ()):
        if not parse_locale(tag):
            yield Fault("languages", f"no such language: {tag}")
