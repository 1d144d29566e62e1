"""The look and the languages of mails and pages, in general and for each kind of accounts."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any

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
from keyturn.service.settings.building import decode_text
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import explain_mismatch

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
        return palette_of(self.brand)[0]

    @cached_property
    def globals(self) -> Mapping[str, Any]:
        """The variables of Keyturn's own templates, besides their props."""
        logo, dark = (self.file_url(name, self.base_url) for name in self._mail_logos())
        values = msgspec.structs.asdict(self.brand) | {"logo_url": logo, "logo_dark_url": dark}
        return branding(values, self.palette)

    @cached_property
    def files(self) -> Mapping[str, BrandFile]:
        """The files to serve, by the name of their setting.

        Raises ValueError if a file was removed after the start.
        """
        return {
            name: read_logo(logo)
            for name in _LOGOS
            if (logo := self._logo(name)) and not logo.is_url
        }

    def served(self) -> dict[str, BrandFile]:
        """Return the files by the names under which they are served."""
        return {self.file_name(name, file.suffix): file for name, file in self.files.items()}

    def file_name(self, name: str, suffix: str) -> str:
        # The name of a kind may have characters that a URL cannot have.
        mark = f"{sha256(self.kind.encode()).hexdigest()[:8]}-" if self.kind else ""
        return f"{mark}{name.replace('_', '-')}{suffix}"

    def file_url(self, name: str, base: str) -> str:
        """Return the URL of a file. `base`: the address of this service.

        If the setting is a URL, it is returned unchanged. "" if there is no file.
        """
        if (logo := self._logo(name)).is_url:
            return logo
        if file := self.files.get(name):
            return (
                f"{base}{FixedRoute.ASSETS}/{file.fingerprint}/{self.file_name(name, file.suffix)}"
            )
        return ""

    def _mail_logos(self) -> tuple[str, str]:
        """Return the settings of the mails' logos, light and dark: by default the pages' logos."""
        light = "mail_logo" if self.brand.mail_logo else "logo"
        dark = (
            "logo_dark" if light == "logo" and not self.brand.mail_logo_dark else "mail_logo_dark"
        )
        return light if self._is_for_mails(light) else "", dark if self._is_for_mails(dark) else ""

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
        return list(
            dict.fromkeys((self.general.brand, *(theme.brand for theme in self.kinds.values())))
        )


def build(settings: Settings, *, reload: bool = False) -> Themes:
    """Return the themes, and log warnings about their brands. Raises SettingsInvalid."""
    themes = themes_of(settings, reload=reload)
    for brand in themes.brands:
        for warning in palette_of(brand)[1]:
            log.warning(LogEvent("brand.colour_adjusted", reason=warning))
    return themes


def themes_of(
    settings: Settings, further: Mapping[str, Mapping[str, Any]] = {}, *, reload: bool = False
) -> Themes:
    """Return the themes.

    `further`: more brands, each by the values that differ. Raises SettingsInvalid.
    """
    base_url, kinds, faults = settings.base_url.rstrip("/"), dict[str, Theme](), []
    differing: list[tuple[str, str, Mapping[str, Any]]] = [
        *(
            (f"kinds.{kind}.brand", kind, one.brand)
            for kind, one in settings.kinds.items()
            if one.brand
        ),
        *((f"studio.brands.{name}", name, brand) for name, brand in further.items()),
    ]
    for place, kind, differs in differing:
        values = {**msgspec.structs.asdict(settings.brand), **differs}
        try:
            brand = msgspec.convert(values, Brand, dec_hook=decode_text)
        except msgspec.ValidationError as error:
            name, sentence = explain_mismatch(str(error))
            faults.append(Fault(f"{place}.{name}", sentence))
            continue
        kinds[kind] = Theme(brand=brand, base_url=base_url, kind=kind)
    if faults:
        raise SettingsInvalid(faults)
    folders = PACKAGED, *([Path(settings.locales)] if settings.locales else [])
    languages = Languages(settings.timezone, *folders, reload=reload, only=settings.languages)
    return Themes(
        languages=languages, general=Theme(brand=settings.brand, base_url=base_url), kinds=kinds
    )


def builtin_templates(settings: Settings, general: Theme, *, reload: bool = False) -> Templates:
    """Return Keyturn's own templates. Templates of the settings' folder replace those of the same
    name.
    """
    packaged, own = folder("email_templates"), settings.mail.templates
    first, beneath = (Path(own).resolve(), (packaged,)) if own else (packaged, ())
    return Templates(first, general.globals, beneath=beneath, reload=reload)


class BuiltinEmails(msgspec.Struct, frozen=True):
    """The contents of the studio's gallery of Keyturn's own mails. The fields have its names
    (`keyturn.studio.gallery`).
    """

    templates: Templates
    languages: Languages
    props: Mapping[str, type[EmailProps]]
    brands: Mapping[str, Mapping[str, Any]]


def builtin_emails(
    settings: Settings, others: Mapping[str, Mapping[str, Any]] = {}, *, reload: bool = False
) -> BuiltinEmails:
    """Return Keyturn's own mails, with the brands of the kinds.

    `others`: more brands, each by the values that differ. Raises SettingsInvalid.
    """
    themes = themes_of(settings, others, reload=reload)
    brands = {name: one.globals for name, one in themes.kinds.items()}
    templates = builtin_templates(settings, themes.general, reload=reload)
    return BuiltinEmails(templates, themes.languages, EMAILS, brands)
