"""How mails and pages look and what words they use: in general, and to accounts of a kind."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Self

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.languages import PACKAGED, Languages
from keyturn.mail.rendering.palette import Palette, palette_for
from keyturn.mail.rendering.render import branding
from keyturn.settings import Brand, FileOrUrl, Folder, Settings
from keyturn.settings.brand_files import IN_MAILS, BrandFile, read_logo, read_stylesheet

ASSETS = "/keyturn-assets"

_LOGOS = ("logo", "logo_dark", "mail_logo", "mail_logo_dark")


class ThemeFiles:
    """Names the files of a brand as the pages serve them.

    A name stays when its file changes, since mails that were sent hold it; the fingerprint before it in the address
    changes, so that browsers may keep what they have. What a kind of accounts is called may be no part of an address.
    """

    def __init__(self, brand: Brand, kind: str = "") -> None:
        self._brand = brand
        self._mark = f"{sha256(kind.encode()).hexdigest()[:8]}-" if kind else ""

    @cached_property
    def found(self) -> Mapping[str, BrandFile]:
        """What there is to serve, by the name of its setting. Raises ValueError where a file went after the start."""
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
        """Return where a file is, below the address `base` of this service; a URL as it is, "" where there is none."""
        if (logo := self._logo(name)).is_url:
            return logo
        if file := self.found.get(name):
            return f"{base}{ASSETS}/{file.fingerprint}/{self.file_name(name, file.suffix)}"
        return ""

    def mail_logos(self) -> tuple[str, str]:
        """Return which settings hold the logo of mails, and that for dark: the pages' own, where no other is set."""
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
    """A brand with its colours and its languages: what a mail or a page looks like and speaks.

    `kind` is whose accounts it is for, "" for all; `base_url` is where mails find the files that the pages serve.
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
        """What Keyturn's own templates are given beside their props."""
        logo, dark = (self.files.url(name, self.base_url) for name in self.files.mail_logos())
        values = msgspec.structs.asdict(self.brand) | {"logo_url": logo, "logo_dark_url": dark}
        return branding(values | {"logo_alt": self.brand.logo_alt or self.brand.name}, self.palette)


def palette_of(brand: Brand) -> tuple[Palette, list[str]]:
    """Return the colours of a brand, and a warning for each that had to be adjusted."""
    return palette_for(brand.accent, brand.accent_dark, brand.ground, brand.ground_dark)


def themes_of_kinds(settings: Settings, general: Languages, *, reload: bool = False) -> dict[str, Theme]:
    """Return how it differs for the kinds of accounts that have a brand or texts of their own.

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


def borrowed_logos(settings: Settings) -> Iterator[str]:
    """Yield a warning for each kind of account that has a name of its own and is shown the logo of another."""
    for kind, one in settings.kinds.items():
        if "name" not in one.brand or one.brand["name"] == settings.brand.name:
            continue
        for logo in ("logo", "mail_logo"):
            if getattr(settings.brand, logo) and logo not in one.brand:
                yield (
                    f"kinds.{kind}.brand: is called {one.brand['name']} and has the logo of {settings.brand.name}; "
                    f"set kinds.{kind}.brand.{logo}, to an empty text for none"
                )


def own_languages(settings: Settings, *more: str, reload: bool = False) -> Languages:
    """Return the languages of the settings: packaged ones, their own, and folders that count before those."""
    added = [Path(folder) for folder in (settings.locales, *more) if folder]
    return Languages(settings.timezone, PACKAGED, *added, reload=reload, only=settings.languages)


def brands_with(differing: Mapping[str, Mapping[str, Any]], brand: Brand) -> list[Brand]:
    """Return the brand with what differs, for each. Raises SettingsInvalid with every fault, by those names.

    A logo says whose it is: where it is that of `brand`, its text is, too, and not another name.
    """
    brands, faults = [], []
    for name, differs in differing.items():
        try:
            values: dict[str, Any] = msgspec.structs.asdict(brand)
            if "name" in differs and not differs.keys() & {"logo", "mail_logo"} and (brand.logo or brand.mail_logo):
                values["logo_alt"] = brand.logo_alt or brand.name
            brands.append(msgspec.convert({**values, **differs}, Brand, dec_hook=_as_text))
        except msgspec.ValidationError as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return brands


def _as_text(wanted: type, value: Any) -> Any:
    if wanted in {FileOrUrl, Folder} and isinstance(value, str):
        return wanted(value)
    raise ValueError("Expected `str`")
