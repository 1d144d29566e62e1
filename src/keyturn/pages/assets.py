"""The stylesheet, the scripts, and what is made of the brand, under an address that changes with their contents."""

from hashlib import sha256
from html import escape
from pathlib import Path

import msgspec
from litestar import HttpMethod, Response, route
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keyturn.mail.rendering.palette import Palette
from keyturn.pages.security import NO_FORM
from keyturn.pages.site import Site

_STATIC = Path(__file__).parent / "static"
_VENDORED = Path(__file__).parent / "vendored"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_BRAND_FILES = {"brand.css", "icon.svg"}
_FOR_A_YEAR = "public, max-age=31536000, immutable"


class Assets:
    """Serves the static files and those that are made of each theme.

    They are a few kilobytes, so they live in memory. One version for all: scripts import each other by relative names.
    """

    def __init__(self, site: Site, headers: dict[str, str]) -> None:
        self._site = site
        self._headers = headers
        folders = [_STATIC]
        if site.challenge and site.challenge.asked.method == "altcha":
            folders.append(_VENDORED / "altcha")
        paths = [path for folder in folders for path in folder.iterdir() if path.suffix in _MEDIA_TYPES]
        self._files = {path.name: path.read_bytes() for path in paths}
        self._numbers = {kind: number for number, kind in enumerate(["", *sorted(site.kinds)])}
        for kind in self._numbers:
            theme = site.theme(kind)
            self._files[self._file_name("brand.css", kind)] = _palette_css(theme.palette).encode()
            self._files[self._file_name("icon.svg", kind)] = _icon_svg(theme.brand.name, theme.palette).encode()
        self._version = sha256(b"".join(self._files[name] for name in sorted(self._files))).hexdigest()[:12]

    def url(self, name: str, kind: str = "") -> str:
        """Return the URL path of a file, for accounts of a kind.

        It may be kept for ever (RFC 8246), since other contents have another.
        """
        return self._site.url(f"/keyturn-assets/{self._version}/{self._file_name(name, kind)}")

    def route(self) -> HTTPRouteHandler:
        # Outside the forms' check, which would set a cookie on an answer that everybody may share.
        @route(
            "/keyturn-assets/{version:str}/{name:str}",
            http_method=[HttpMethod.GET, HttpMethod.HEAD],
            opt={NO_FORM: True},
        )
        async def asset(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
            if name not in self._files:
                raise NotFoundException
            # While servers of two versions run side by side, the other's address works, but is not kept.
            caching = {"Cache-Control": _FOR_A_YEAR} if version == self._version else {}
            media_type = _MEDIA_TYPES[Path(name).suffix]
            return Response(self._files[name], media_type=media_type, headers=self._headers | caching)

        return asset

    def _file_name(self, name: str, kind: str) -> str:
        """Return what the file is called; what a kind is called may be no part of an address."""
        number = self._numbers[kind]
        return f"{number}-{name}" if number and name in _BRAND_FILES else name


def _palette_css(palette: Palette) -> str:
    """Return the palette as CSS variables: a stylesheet, since the pages allow no inline style."""
    colours = msgspec.structs.asdict(palette)
    light = {name: colour for name, colour in colours.items() if not name.startswith("dark_")}
    dark = {name: colours[f"dark_{name}"] for name in light}
    return f"{_css_variables(light)}\n@media (prefers-color-scheme: dark) {{\n{_css_variables(dark)}\n}}\n"


def _css_variables(colours: dict[str, str]) -> str:
    variables = "".join(f" --{name.replace('_', '-')}: {colour};" for name, colour in colours.items())
    return f":root {{{variables} }}"


def _icon_svg(name: str, palette: Palette) -> str:
    """Return the brand's initial on its accent, as the browser's tab shows it."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{palette.accent}"/>'
        f'<text x="16" y="22.5" text-anchor="middle" font-family="system-ui, sans-serif" font-size="19" '
        f'font-weight="600" fill="{palette.on_accent}">{escape(name[:1].upper())}</text></svg>'
    )
