"""The static files of the pages, and the brand's files.

The URLs of assets change with their contents.
"""

from collections.abc import Mapping
from functools import cache
from gzip import compress
from hashlib import sha256
from html import escape
from pathlib import Path

import msgspec
from litestar import Response, route
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keyturn.extras import folder
from keyturn.service.api.requests import READ, AnyRequest
from keyturn.service.pages.security import NO_FORM
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.settings.brand_files import BrandFile
from keyturn.service.settings.paths import FixedRoute

_STATIC = Path(__file__).parent / "static"
_SHARED = ("moments.js", "puzzle.js", "strength.js")
"""Modules of `frontend/keyturn/` that scripts of the pages import."""

_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_COMPRESSIBLE = ("text/", "image/svg+xml")
_FOR_A_YEAR = "public, max-age=31536000, immutable"

# An SVG may style itself. This policy applies if it is opened by its URL, and in some browsers also
# where it is an image. It denies scripts, loads and an origin (CSP Level 3; HTML, 7.1.5).
_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    # Webmail pages of other sites show the logo of a mail (Fetch, 3.7).
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class Assets:
    """Serves static files, and the files of brands, from memory.

    Packaged files share one version in their URLs, since scripts import each other.
    """

    def __init__(self, site: Site, headers: dict[str, str]) -> None:
        self._site = site
        self._headers = headers
        self._files = _packaged_files()
        self._brand_files: dict[str, BrandFile] = {}
        for theme in (site.themes.general, *site.themes.kinds.values()):
            self._files[theme.file_name("brand", ".css")] = theme_css(theme).encode()
            self._files[theme.file_name("icon", ".svg")] = _icon_svg(theme).encode()
            self._brand_files |= theme.served()
        contents = b"".join(self._files[name] for name in sorted(self._files))
        self._version = sha256(contents).hexdigest()[:12]

    def url(self, name: str, kind: str = "") -> str:
        """Return the URL path of a packaged file. It changes with the contents (RFC 8246)."""
        if name in ("brand.css", "icon.svg"):
            stem, _, suffix = name.partition(".")
            name = self._site.theme(kind).file_name(stem, f".{suffix}")
        return self._site.url(f"{FixedRoute.ASSETS}/{self._version}/{name}")

    def brand_url(self, name: str, kind: str = "") -> str:
        return self._site.theme(kind).file_url(name, self._site.prefix)

    def route(self) -> HTTPRouteHandler:
        # No check of forms: it would set a cookie on an answer that caches share.
        @route(
            f"{FixedRoute.ASSETS}/{{version:str}}/{{name:str}}",
            http_method=READ,
            opt={NO_FORM: True},
        )
        async def asset(
            request: AnyRequest, version: FromPath[str], name: FromPath[str]
        ) -> Response[bytes]:
            try:
                content, media_type = self.content(name)
            except LookupError as error:
                raise NotFoundException from error
            headers = dict(self._headers)
            newest = self._version
            brand_file = self._brand_files.get(name)
            if brand_file:
                headers |= _PICTURE_HEADERS
                newest = brand_file.fingerprint
            # While servers of two versions run side by side, the URLs of the other version work,
            # but their answers are not cached.
            if version == newest:
                headers["Cache-Control"] = _FOR_A_YEAR
            return file_response(request, content, media_type, headers)

        return asset

    def content(self, name: str) -> tuple[bytes, str]:
        """Return a served file, and its media type. Raises LookupError."""
        brand_file = self._brand_files.get(name)
        if brand_file:
            return brand_file.content, _MEDIA_TYPES[brand_file.suffix]
        if name not in self._files:
            raise LookupError(f"There is no file called {name}.")
        return self._files[name], _MEDIA_TYPES[Path(name).suffix]


def _packaged_files() -> dict[str, bytes]:
    """Return the static files of the pages, and the modules that they share with keyturn.js."""
    files = {path.name: path.read_bytes() for path in _STATIC.iterdir()}
    for name in _SHARED:
        files[name] = (folder("frontend") / "keyturn" / name).read_bytes()
    return files


def theme_css(theme: Theme) -> str:
    """Return a stylesheet with a brand as CSS variables. The pages allow no inline style."""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for name, colour in msgspec.structs.asdict(theme.palette).items():
        if name.startswith("dark_"):
            dark[name.removeprefix("dark_")] = colour
        else:
            light[name] = colour
    light["radius"] = f"{theme.brand.radius}px"
    if theme.brand.font:
        light["brand_font"] = theme.brand.font
    return (
        f"{_css_variables(light)}\n"
        f"@media (prefers-color-scheme: dark) {{\n{_css_variables(dark)}\n}}\n"
    )


def _css_variables(values: dict[str, str]) -> str:
    variables = "".join(
        f" --{name.replace('_', '-')}: {colour};" for name, colour in values.items()
    )
    return f":root {{{variables} }}"


def _icon_svg(theme: Theme) -> str:
    """Return the icon of the browser's tab: the brand's initial on its accent."""
    palette = theme.palette
    initial = escape(theme.brand.name[:1].upper())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{palette.accent}"/>'
        '<text x="16" y="22.5" text-anchor="middle" font-family="system-ui, sans-serif" '
        'font-size="19" '
        f'font-weight="600" fill="{palette.on_accent}">{initial}</text></svg>'
    )


def file_response(
    request: AnyRequest, content: bytes, media_type: str, headers: Mapping[str, str]
) -> Response[bytes]:
    """Return a file, compressed if the client accepts gzip.

    If the app around the pages compresses answers itself, the file is not compressed here.
    """
    headers = {**headers, "Vary": "Accept-Encoding"}
    is_compressible = media_type.startswith(_COMPRESSIBLE)
    app_compresses = request.app.compression_config is not None
    if is_compressible and not app_compresses and _accepts_gzip(request):
        content = _compressed(content)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)


@cache
def _compressed(content: bytes) -> bytes:
    return compress(content, mtime=0)


def _accepts_gzip(request: AnyRequest) -> bool:
    """Tell whether a client accepts gzip. A weight of 0 refuses it (RFC 9110, 12.5.3)."""
    for choice in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() == "gzip":
            return weight.strip().rstrip("0.") != "q="
    return False
