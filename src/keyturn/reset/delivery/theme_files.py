"""Where pages and mails find the files of a brand: its logos, its stylesheet."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import PurePath

from keyturn.settings import Brand, FileOrUrl
from keyturn.settings.brands.files import IN_MAILS, BrandFile, read_logo, read_stylesheet

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
