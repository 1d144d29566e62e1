"""Static files of the pages, the brand's files, and keyturn.js.

The addresses of assets change with their contents.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from gzip import compress
from hashlib import sha256
from html import escape
from pathlib import Path

import msgspec
from litestar import MediaType, Response, route
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keyturn.extras import folder
from keyturn.service.api.requests import READ, AnyRequest
from keyturn.service.pages.security import NO_FORM, security_headers
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails.palette import Palette
from keyturn.service.reset.mails.theme import ASSETS, Theme
from keyturn.service.settings import Brand
from keyturn.service.settings.brand_files import BrandFile

_STATIC = Path(__file__).parent / "static"
_SHARED = ("puzzle.js", "strength.js")

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

# An SVG may style itself. Its own policy decides that if it is opened by its address, and in some
# browsers also where it is an image. Scripts, loads and an origin are denied (CSP Level 3; HTML,
# 7.1.5).
_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    # webmail shows the logo of a mail, too (Fetch, 3.7)
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class Assets:
    """Serves static files and those of brands from memory.

    Packaged ones share a version: scripts import each other.
    """

    def __init__(self, site: Site, headers: dict[str, str]) -> None:
        self._site = site
        self._headers = headers
        paths = [*_STATIC.iterdir(), *(folder("frontend") / "keyturn" / name for name in _SHARED)]
        self._files = {path.name: path.read_bytes() for path in paths}
        self._brand_files: dict[str, BrandFile] = {}
        for theme in (site.themes.general, *site.themes.kinds.values()):
            self._files[theme.file_name("brand", ".css")] = theme_css(theme).encode()
            self._files[theme.file_name("icon", ".svg")] = _icon_svg(
                theme.brand.name, theme.palette
            ).encode()
            self._brand_files |= theme.served()
        self._version = sha256(
            b"".join(self._files[name] for name in sorted(self._files))
        ).hexdigest()[:12]

    def url(self, name: str, kind: str = "") -> str:
        """Return the URL path of a packaged file. Other contents have another path (RFC 8246)."""
        if name in ("brand.css", "icon.svg"):
            stem, _, suffix = name.partition(".")
            name = self._site.theme(kind).file_name(stem, f".{suffix}")
        return self._site.url(f"{ASSETS}/{self._version}/{name}")

    def brand_url(self, name: str, kind: str = "") -> str:
        return self._site.theme(kind).file_url(name, self._site.prefix)

    def route(self) -> HTTPRouteHandler:
        # Outside the check of forms, which would set a cookie on an answer that caches share.
        @route(f"{ASSETS}/{{version:str}}/{{name:str}}", http_method=READ, opt={NO_FORM: True})
        async def asset(
            request: AnyRequest, version: FromPath[str], name: FromPath[str]
        ) -> Response[bytes]:
            try:
                content, media_type = self.content(name)
            except LookupError as error:
                raise NotFoundException from error
            own = self._brand_files.get(name)
            headers = _PICTURE_HEADERS if own else {}
            # While servers of two versions run side by side, addresses of the other version work,
            # but are not cached.
            caching = (
                {"Cache-Control": _FOR_A_YEAR}
                if version == (own.fingerprint if own else self._version)
                else {}
            )
            return _file_response(request, content, media_type, self._headers | headers | caching)

        return asset

    def content(self, name: str) -> tuple[bytes, str]:
        """Return a served file, and its media type. Raises LookupError."""
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
    shape = {"radius": f"{theme.brand.radius}px"} | (
        {"brand_font": theme.brand.font} if theme.brand.font else {}
    )
    return (
        f"{_css_variables(light | shape)}\n"
        f"@media (prefers-color-scheme: dark) {{\n{_css_variables(dark)}\n}}\n"
    )


def _css_variables(values: dict[str, str]) -> str:
    variables = "".join(
        f" --{name.replace('_', '-')}: {colour};" for name, colour in values.items()
    )
    return f":root {{{variables} }}"


def _icon_svg(name: str, palette: Palette) -> str:
    """Return the icon of the browser's tab: the brand's initial on its accent."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{palette.accent}"/>'
        '<text x="16" y="22.5" text-anchor="middle" font-family="system-ui, sans-serif" '
        'font-size="19" '
        f'font-weight="600" fill="{palette.on_accent}">{escape(name[:1].upper())}</text></svg>'
    )


_MODULES = (
    "client", "style", "making", "puzzle", "challenge", "forms", "code", "asking", "link",
    "strength", "rules", "second_step", "reset",
)  # fmt: skip

_COMMENT = re.compile(r"^ *(?://[^\n]*|/\*(?:(?!\*/).)*\*/)\n", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"/\*\* @type [^\n*]*\*/ ?|(?<=[;,{]) // [^\n]*")
_IMPORT = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=class|const|function)", re.MULTILINE)
_FROM = re.compile(r'^(export \{.*\}) from ".*";', re.MULTILINE)
_BLANK = re.compile(r"\n{2,}")
_INDENT = re.compile(r"^ +", re.MULTILINE)


@cache
def bundle_modules() -> str:
    """Return all modules as one, without comments, imports of each other and indentation, also that
    of the styles.
    """
    sources = folder("frontend")
    entry = (sources / "keyturn.js").read_text("utf-8")
    inner = "".join((sources / "keyturn" / f"{name}.js").read_text("utf-8") for name in _MODULES)
    whole = _EXPORT.sub("", inner) + _FROM.sub(r"\1;", entry)
    for superfluous in (_COMMENT, _TYPE, _IMPORT, _INDENT):
        whole = superfluous.sub("", whole)
    return "// Keyturn in your own pages. MIT licence.\n" + _BLANK.sub("\n", whole).lstrip("\n")


def brand_module(source: str, theme: Theme) -> str:
    """Return the module with the brand's accent, corners and font; the elements stand on the
    background of the app.
    """
    for ours, theirs in zip(
        _looks(Palette(), Brand()), _looks(theme.palette, theme.brand), strict=True
    ):
        source = source.replace(ours, theirs)
    return source


def _looks(palette: Palette, brand: Brand) -> Sequence[str]:
    """Return how the module writes a brand's looks."""
    return (
        f"light-dark({palette.accent}, {palette.dark_accent})",
        f"light-dark({palette.on_accent}, {palette.dark_on_accent})",
        f"--keyturn-radius, {brand.radius}px",
        f"--keyturn-font, {brand.font}{', ' if brand.font else ''}system-ui",
    )


def frontend_routes(site: Site) -> Sequence[HTTPRouteHandler]:
    module, types = (
        brand_module(bundle_modules(), site.theme("")),
        (folder("frontend") / "keyturn.d.ts").read_bytes(),
    )
    return [
        _static_route(site, "/keyturn.js", module.encode(), "text/javascript"),
        _static_route(site, "/keyturn.d.ts", types, MediaType.TEXT),
    ]


def _static_route(site: Site, path: str, content: bytes, media_type: str) -> HTTPRouteHandler:
    fingerprint = sha256(content).hexdigest()[:20]
    # Public, and made to be run by other origins, which fetch a module in the mode "cors" (HTML,
    # 8.1.4.2).
    headers = security_headers(site) | {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept-Encoding",
        "ETag": f'W/"{fingerprint}"',  # weak: the bytes of a compressed answer are others
    }

    # Outside the check of forms, which would set a cookie on an answer that caches share.
    @route(path, http_method=READ, opt={NO_FORM: True})
    async def script(request: AnyRequest) -> Response[bytes]:
        if fingerprint in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, media_type=media_type, headers=headers)
        return _file_response(request, content, media_type, headers)

    return script


def _file_response(
    request: AnyRequest, content: bytes, media_type: str, headers: Mapping[str, str]
) -> Response[bytes]:
    """Return a file, compressed for clients that take that, unless the app around the pages
    compresses its answers.
    """
    headers = {**headers, "Vary": "Accept-Encoding"}
    if (
        media_type.startswith(_COMPRESSIBLE)
        and _takes_gzip(request)
        and request.app.compression_config is None
    ):
        content = _compressed(content)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)


@cache
def _compressed(content: bytes) -> bytes:
    return compress(content, mtime=0)


def _takes_gzip(request: AnyRequest) -> bool:
    """Tell whether a client takes gzip. A weight of 0 says that it does not (RFC 9110, 12.5.3)."""
    for choice in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() == "gzip":
            return weight.strip().rstrip("0.") != "q="
    return False
