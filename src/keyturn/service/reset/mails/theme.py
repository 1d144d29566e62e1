"""The look and the language of mails and pages: in general, and for accounts of a kind."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Self

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.languages import PACKAGED, Languages
from keyturn.service.reset.mails.palette import Palette, branding, palette_for
from keyturn.service.settings import Brand, FileOrUrl, Settings
from keyturn.service.settings.brand_files import IN_MAILS, BrandFile, read_logo, read_stylesheet
from keyturn.service.settings.building import decode_text
from keyturn.service.telemetry.logs import LogEvent, log

ASSETS = "/keyturn-assets"

_LOGOS = ("logo", "logo_dark", "mail_logo", "mail_logo_dark")


class ThemeFiles:
    """Names the files of a brand as the pages serve them.

    A file keeps its name when it changes, since sent mails refer to it. The fingerprint before the name changes, so
    that browsers may cache the file. The name of a kind of accounts may be unfit for an address, so its hash is used.
    """

    def __init__(self, brand: Brand, kind: str = "") -> None:
        self._brand = brand
        self._mark = f"{sha256(kind.encode()).hexdigest()[:8]}-" if kind else ""

    @cached_property
    def found(self) -> Mapping[str, BrandFile]:
        """The files to serve, by the name of their setting. Raises ValueError if a file was removed after the start."""
        files = {name: read_logo(logo) for name in _LOGOS if (logo := self._logo(name)) and not logo.is_url}
        if self._brand.stylesheet:
            files["stylesheet"] = read_stylesheet(self._brand.stylesheet)
        return files

    def served(self) -> dict[str, BrandFile]:
        """Return the files by the names under which they are served."""
        return {self.file_name(name, file.suffix): file for name, file in self.found.items()}

    def file_name(self, name: str, suffix: str) -> str:
        return f"{self._mark}{name.replace('_', '-')}{suffix}"

    def url(self, name: str, base: str) -> str:
        """Return a file's address below `base`, the address of this service. A URL is unchanged; "" without a file."""
        if (logo := self._logo(name)).is_url:
            return logo
        if file := self.found.get(name):
            return f"{base}{ASSETS}/{file.fingerprint}/{self.file_name(name, file.suffix)}"
        return ""

    def mail_logos(self) -> tuple[str, str]:
        """Return the settings that hold the logos of mails, for light and dark: by default the pages' logos."""
        light, dark = ("mail_logo" if self._brand.mail_logo else "logo"), "mail_logo_dark"
        if light == "logo":
            dark = "mail_logo_dark" if self._brand.mail_logo_dark else "logo_dark"
        return (light if self._is_for_mails(light) else "", dark if self._is_for_mails(dark) else "")

    def _is_for_mails(self, name: str) -> bool:
        logo = self._logo(name)
        if not logo.is_url:
            return name in self.found and self.found[name].suffix in IN_MAILS
        return PurePath(logo.partition("?")[0]).suffix.lower() != ".svg"

    def _logo(self, name: str) -> FileOrUrl:
        return FileOrUrl(getattr(self._brand, name, ""))


class Theme(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A brand with its colours and its languages: the look and the language of a mail or a page.

    `kind`: the kind of accounts that it is for, "" for all.
    `base_url`: where mails find the files that the pages serve.
    """

    brand: Brand
    palette: Palette
    languages: Languages
    base_url: str = ""
    kind: str = ""

    @classmethod
    def of(cls, brand: Brand, languages: Languages, base_url: str = "", kind: str = "") -> Self:
        palette, _ = palette_of(brand)
        return cls(brand=brand, palette=palette, languages=languages, base_url=base_url.rstrip("/"), kind=kind)

    @cached_property
    def files(self) -> ThemeFiles:
        return ThemeFiles(self.brand, self.kind)

    @cached_property
    def globals(self) -> Mapping[str, Any]:
        """The variables of Keyturn's own templates, beside their props."""
        logo, dark = (self.files.url(name, self.base_url) for name in self.files.mail_logos())
        values = msgspec.structs.asdict(self.brand) | {"logo_url": logo, "logo_dark_url": dark}
        return branding(values, self.palette)


class Themes(msgspec.Struct, frozen=True, kw_only=True):
    """The look of all mails and pages, and those of the `kinds` of accounts that have one of their own."""

    general: Theme
    kinds: Mapping[str, Theme]

    @property
    def brands(self) -> Sequence[Brand]:
        return list(dict.fromkeys((self.general.brand, *(theme.brand for theme in self.kinds.values()))))


def build(settings: Settings, *, reload: bool = False) -> Themes:
    """Return the themes, and log warnings about their brands. Raises SettingsInvalid."""
    general = Theme.of(settings.brand, own_languages(settings, reload=reload), settings.base_url)
    themes = Themes(general=general, kinds=themes_of_kinds(settings, general.languages, reload=reload))
    for brand in themes.brands:
        for warning in palette_of(brand)[1]:
            log.warning(LogEvent("brand.colour_adjusted", reason=warning))
    return themes


def palette_of(brand: Brand) -> tuple[Palette, list[str]]:
    """Return the colours of a brand, and a warning for each that had to be adjusted."""
    return palette_for(brand.accent, brand.accent_dark, brand.ground, brand.ground_dark)


def themes_of_kinds(settings: Settings, general: Languages, *, reload: bool = False) -> dict[str, Theme]:
    """Return the themes of the kinds of accounts that have their own brand or texts.

    Raises SettingsInvalid with every fault in their brands.
    """
    differing = {kind: one for kind, one in settings.kinds.items() if one.brand or one.locales}
    brands = brands_with({f"kinds.{kind}.brand": one.brand for kind, one in differing.items()}, settings.brand)
    return {
        kind: Theme.of(
            brand,
            own_languages(settings, one.locales, reload=reload) if one.locales else general,
            settings.base_url,
            kind,
        )
        for (kind, one), brand in zip(differing.items(), brands, strict=True)
    }


def own_languages(settings: Settings, *more: str, reload: bool = False) -> Languages:
    """Return the languages of the settings: packaged ones, their own, and folders that take precedence over those."""
    added = [Path(folder) for folder in (settings.locales, *more) if folder]
    return Languages(settings.timezone, PACKAGED, *added, reload=reload, only=settings.languages)


def themes_of_brands(
    differing: Mapping[str, Mapping[str, Any]], settings: Settings, languages: Languages
) -> dict[str, Theme]:
    """Return the themes of the studio's further brands. Raises SettingsInvalid with every fault in them."""
    brands = brands_with({f"studio.brands.{name}": one for name, one in differing.items()}, settings.brand)
    named = zip(differing, brands, strict=True)
    return {name: Theme.of(brand, languages, settings.base_url, name) for name, brand in named}


def brands_with(differing: Mapping[str, Mapping[str, Any]], brand: Brand) -> list[Brand]:
    """Return for each name the brand with its differences. Raises SettingsInvalid with every fault, by those names."""
    brands, faults = [], []
    for name, differs in differing.items():
        try:
            brands.append(msgspec.convert({**msgspec.structs.asdict(brand), **differs}, Brand, dec_hook=decode_text))
        except msgspec.ValidationError as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return brands
