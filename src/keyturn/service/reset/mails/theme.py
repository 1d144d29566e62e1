"""The look and the languages of mails and pages, in general and for each kind of accounts."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.extras import folder
from keyturn.mail.languages.catalogues import PACKAGED
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.palette import Palette, branding, palette_of
from keyturn.service.settings import Brand, FileOrUrl, Settings
from keyturn.service.settings.brand_files import IN_MAILS, BrandFile, read_logo
from keyturn.service.settings.building import decode_text, member_name
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import explain_mismatch, mismatch

_LOGOS = ("logo", "logo_dark", "mail_logo", "mail_logo_dark")


class Theme(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The look of mails and pages: a brand with its colours and files.

    The URL of a file has a fingerprint, so that browsers may cache the file, and its name. The name
    stays the same when the file changes, since sent mails refer to it.

    `base_url`: the address of the service, from which mails load the files.
    `kind`: the kind of accounts; "" for all.
    """

    brand: Brand
    base_url: str = ""
    kind: str = ""

    @cached_property
    def palette(self) -> Palette:
        return palette_of(self.brand).palette

    @cached_property
    def globals(self) -> Mapping[str, Any]:
        """The variables of Keyturn's own templates, besides their props."""
        light, dark = self._mail_logos()
        values = msgspec.structs.asdict(self.brand)
        values["logo_url"] = self.file_url(light, self.base_url)
        values["logo_dark_url"] = self.file_url(dark, self.base_url)
        return branding(values, self.palette)

    @cached_property
    def files(self) -> Mapping[str, BrandFile]:
        """The files to serve, by the name of their setting.

        Raises ValueError if a file was removed after the start.
        """
        files = {}
        for name in _LOGOS:
            logo = self._logo(name)
            if logo and not logo.is_url:
                files[name] = read_logo(logo)
        return files

    def served(self) -> dict[str, BrandFile]:
        """Return the files by the names under which they are served."""
        return {self.file_name(name, file.suffix): file for name, file in self.files.items()}

    def file_name(self, name: str, suffix: str) -> str:
        file_name = f"{name.replace('_', '-')}{suffix}"
        if not self.kind:
            return file_name
        # The name of a kind may have characters that a URL cannot have.
        mark = sha256(self.kind.encode()).hexdigest()[:8]
        return f"{mark}-{file_name}"

    def file_url(self, name: str, base: str) -> str:
        """Return the URL of a file. `base`: the address of this service.

        If the setting is a URL, it is returned unchanged. "" if there is no file.
        """
        logo = self._logo(name)
        if logo.is_url:
            return logo
        file = self.files.get(name)
        if file is None:
            return ""
        file_name = self.file_name(name, file.suffix)
        return f"{base}{FixedRoute.ASSETS}/{file.fingerprint}/{file_name}"

    def _mail_logos(self) -> tuple[str, str]:
        """Return the settings of the mails' logos, light and dark: by default the pages' logos.

        "" in place of a logo that mail programs cannot show.
        """
        light = "logo"
        dark = "logo_dark"
        if self.brand.mail_logo or self.brand.mail_logo_dark:
            dark = "mail_logo_dark"
        if self.brand.mail_logo:
            light = "mail_logo"
        if not self._is_for_mails(light):
            light = ""
        if not self._is_for_mails(dark):
            dark = ""
        return light, dark

    def _is_for_mails(self, name: str) -> bool:
        logo = self._logo(name)
        if not logo.is_url:
            return name in self.files and self.files[name].suffix in IN_MAILS
        return PurePath(logo.partition("?")[0]).suffix.lower() != ".svg"

    def _logo(self, name: str) -> FileOrUrl:
        return FileOrUrl(getattr(self.brand, name, ""))


class Themes(msgspec.Struct, frozen=True, kw_only=True):
    """The languages and the look of mails and pages.

    `kinds`: the looks of the kinds of accounts that have a brand of their own.
    """

    languages: Languages
    general: Theme
    kinds: Mapping[str, Theme]

    @property
    def brands(self) -> Sequence[Brand]:
        brands = [self.general.brand]
        for theme in self.kinds.values():
            if theme.brand not in brands:
                brands.append(theme.brand)
        return brands


def build(settings: Settings, *, reload: bool = False) -> Themes:
    """Return the themes, and log warnings about their brands. Raises SettingsInvalid."""
    themes = themes_of(settings, reload=reload)
    for brand in themes.brands:
        for warning in palette_of(brand).warnings:
            log.warning(LogEvent("brand.colour_adjusted", reason=warning))
    return themes


def themes_of(
    settings: Settings, further: Mapping[str, Mapping[str, Any]] = {}, *, reload: bool = False
) -> Themes:
    """Return the themes.

    `further`: more brands, each by the values that differ. Raises SettingsInvalid.
    """
    differing = []
    for kind, settings_of_kind in settings.kinds.items():
        if settings_of_kind.brand:
            place = f"{member_name('kinds', kind)}.brand"
            differing.append(_DifferingBrand(place, kind, settings_of_kind.brand))
    for name, values in further.items():
        differing.append(_DifferingBrand(member_name("studio.brands", name), name, values))

    base_url = settings.base_url.rstrip("/")
    kinds: dict[str, Theme] = {}
    faults = []
    for place, kind, values in differing:
        try:
            brand = _brand_with(settings.brand, values)
        except msgspec.ValidationError as error:
            faults.append(_fault_of(place, values, str(error)))
            continue
        kinds[kind] = Theme(brand=brand, base_url=base_url, kind=kind)
    if faults:
        raise SettingsInvalid(faults)

    folders = [PACKAGED]
    if settings.locales:
        folders.append(Path(settings.locales))
    languages = Languages(settings.timezone, *folders, reload=reload, only=settings.languages)
    general = Theme(brand=settings.brand, base_url=base_url)
    return Themes(languages=languages, general=general, kinds=kinds)


class _DifferingBrand(NamedTuple):
    """A brand of its own.

    `place`: where it is set.
    `values`: those that differ from the general brand.
    """

    place: str
    kind: str
    values: Mapping[str, Any]


def _brand_with(general: Brand, values: Mapping[str, Any]) -> Brand:
    """Return a brand that differs from the general one. Raises msgspec.ValidationError."""
    merged = {**msgspec.structs.asdict(general), **values}
    return msgspec.convert(merged, Brand, dec_hook=decode_text)


def _fault_of(place: str, values: Mapping[str, Any], message: str) -> Fault:
    """Return the fault of a brand, given the message of msgspec.

    It says what the setting must be, as a wrong value of [brand] does.
    """
    name, sentence = explain_mismatch(message)
    for field in msgspec.structs.fields(Brand):
        if field.name == name and name in values:
            sentence = mismatch(values[name], field.type)
    return Fault(f"{place}.{name}", sentence)


def builtin_templates(settings: Settings, general: Theme, *, reload: bool = False) -> Templates:
    """Return Keyturn's own templates. Templates of the settings' folder replace those of the same
    name.
    """
    packaged = folder("email_templates")
    if not settings.mail.templates:
        return Templates(packaged, general.globals, reload=reload)
    own = Path(settings.mail.templates).resolve()
    return Templates(own, general.globals, beneath=(packaged,), reload=reload)


class BuiltinEmails(msgspec.Struct, frozen=True):
    """The contents of the studio's gallery of Keyturn's own mails. The fields have its names
    (`keyturn.studio.gallery`).
    """

    templates: Templates
    languages: Languages
    props: Mapping[str, type[EmailProps]]
    brands: Mapping[str, Mapping[str, Any]]


def builtin_emails(
    settings: Settings, further: Mapping[str, Mapping[str, Any]] = {}, *, reload: bool = False
) -> BuiltinEmails:
    """Return Keyturn's own mails, with the brands of the kinds.

    `further`: more brands, each by the values that differ. Raises SettingsInvalid.
    """
    themes = themes_of(settings, further, reload=reload)
    brands = {name: one.globals for name, one in themes.kinds.items()}
    templates = builtin_templates(settings, themes.general, reload=reload)
    return BuiltinEmails(templates, themes.languages, EMAILS, brands)
