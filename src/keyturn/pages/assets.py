"""The stylesheet, the scripts, the brand's files and what is made of it, under addresses that change with contents."""

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
from keyturn.pages.site import TemplateSite
from keyturn.reset.mails.theme import ASSETS, Theme
from keyturn.settings.brands.files import BrandFile

_STATIC = Path(__file__).parent / "static"
_VENDORED = Path(__file__).parent / "vendored"
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_FOR_A_YEAR = "public, max-age=31536000, immutable"

# An SVG may style itself, which its own policy decides where somebody opens it by its address, and in some browsers
# also where it is an image; it runs nothing, loads nothing and has no origin (CSP Level 3; HTML, 7.1.5).
_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",  # webmail shows the logo of a mail, too (Fetch, 3.7)
}


class Assets:
    """Serves the static files, those that are made of each theme, and those that a brand brings.

    They are some kilobytes, so they live in memory. One version for all of ours: scripts import each other by relative
    names.
    """

    def __init__(self, site: TemplateSite, headers: dict[str, str]) -> None:
        self._site = site
        self._headers = headers
        folders = [_STATIC]
        if site.challenge and site.challenge.asked.method == "altcha":
            folders.append(_VENDORED / "altcha")
        paths = [path for folder in folders for path in folder.iterdir() if path.suffix in _MEDIA_TYPES]
        self._files = {path.name: path.read_bytes() for path in paths}
        self._themes = {kind: site.theme(kind) for kind in ("", *site.kinds)}
        self._brand_files: dict[str, BrandFile] = {}
        for theme in self._themes.values():
            self._files[theme.files.file_name("brand", ".css")] = theme_css(theme).encode()
            self._files[theme.files.file_name("icon", ".svg")] = _icon_svg(theme.brand.name, theme.palette).encode()
            self._brand_files |= theme.files.served()
        self._version = sha256(b"".join(self._files[name] for name in sorted(self._files))).hexdigest()[:12]

    def url(self, name: str, kind: str = "") -> str:
        """Return the URL path of a file of ours, for accounts of a kind.

        It may be kept for ever (RFC 8246), since other contents have another.
        """
        if name in ("brand.css", "icon.svg"):
            stem, _, suffix = name.partition(".")
            name = self._themes[kind].files.file_name(stem, f".{suffix}")
        return self._site.url(f"{ASSETS}/{self._version}/{name}")

    def brand_url(self, name: str, kind: str = "") -> str:
        """Return where a file is that the brand's setting of that name brings, "" where there is none."""
        return self._themes[kind].files.url(name, self._site.prefix)

    def route(self) -> HTTPRouteHandler:
        # Outside the forms' check, which would set a cookie on an answer that everybody may share.
        @route(
            f"{ASSETS}/{{version:str}}/{{name:str}}",
            http_method=[HttpMethod.GET, HttpMethod.HEAD],
            opt={NO_FORM: True},
        )
        async def asset(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
            try:
                content, media_type = self.content(name)
            except LookupError as error:
                raise NotFoundException from error
            own = self._brand_files.get(name)
            headers = _PICTURE_HEADERS if own and own.suffix != ".css" else {}
            # While servers of two versions run side by side, the other's address works, but is not kept.
            caching = {"Cache-Control": _FOR_A_YEAR} if version == (own.fingerprint if own else self._version) else {}
            return Response(content, media_type=media_type, headers=self._headers | headers | caching)

        return asset

    def content(self, name: str) -> tuple[bytes, str]:
        """Return what is served under a name, and its media type. Raises LookupError."""
        if own := self._brand_files.get(name):
            return own.content, _MEDIA_TYPES[own.suffix]
        if name not in self._files:
            raise LookupError(f"There is no file called {name}.")
        return self._files[name], _MEDIA_TYPES[Path(name).suffix]


def theme_css(theme: Theme) -> str:
    """Return a brand as CSS variables: a stylesheet, since the pages allow no inline style."""
    colours = msgspec.structs.asdict(theme.palette)
    light = {name: colour for name, colour in colours.items() if not name.startswith("dark_")}
    dark = {name: colours[f"dark_{name}"] for name in light}
    shape = {"radius": f"{theme.brand.radius}px"} | ({"brand_font": theme.brand.font} if theme.brand.font else {})
    return f"{_css_variables(light | shape)}\n@media (prefers-color-scheme: dark) {{\n{_css_variables(dark)}\n}}\n"


def _css_variables(values: dict[str, str]) -> str:
    variables = "".join(f" --{name.replace('_', '-')}: {colour};" for name, colour in values.items())
    return f":root {{{variables} }}"


def _icon_svg(name: str, palette: Palette) -> str:
    """Return the brand's initial on its accent, as the browser's tab shows it."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{palette.accent}"/>'
        f'<text x="16" y="22.5" text-anchor="middle" font-family="system-ui, sans-serif" font-size="19" '
        f'font-weight="600" fill="{palette.on_accent}">{escape(name[:1].upper())}</text></svg>'
    )
