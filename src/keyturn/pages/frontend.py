"""keyturn.js, for the pages of other origins: its modules as one file, so that one address is one version."""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from litestar import HttpMethod, MediaType, Response, route
from litestar.handlers import HTTPRouteHandler

from keyturn.api.requests import AnyRequest
from keyturn.mail.rendering.palette import Palette
from keyturn.packaging import folder
from keyturn.pages.security import NO_FORM, security_headers
from keyturn.pages.site import Site
from keyturn.reset.mails.theme import Theme

_MODULES = (
    "client",
    "style",
    "making",
    "challenge",
    "forms",
    "code",
    "asking",
    "link",
    "rules",
    "second_step",
    "reset",
)
"""Each after those that it imports."""

_COMMENT = re.compile(r"^ *(?://[^\n]*|/\*(?:(?!\*/).)*\*/)\n", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=class|const|function)", re.MULTILINE)
_FROM = re.compile(r'^(export \{.*\}) from ".*";', re.MULTILINE)
_BLANK = re.compile(r"\n{2,}")


@cache
def bundle_modules() -> str:
    """Return the source of one module that is all of them, without comments and without their imports of each other."""
    sources = folder("frontend")
    entry = (sources / "keyturn.js").read_text("utf-8")
    inner = "".join((sources / "keyturn" / f"{name}.js").read_text("utf-8") for name in _MODULES)
    whole = _EXPORT.sub("", inner) + _FROM.sub(r"\1;", entry)
    return "// Keyturn in your own pages. MIT licence.\n" + _BLANK.sub(
        "\n", _IMPORT.sub("", _COMMENT.sub("", whole))
    ).lstrip("\n")


def brand_module(source: str, theme: Theme) -> str:
    """Return the module with the brand's accent, corners and letters where a page sets none of its own.

    The elements stand on the app's ground and not on the brand's, so its other colours are left out.
    """
    plain, palette, brand = Palette(), theme.palette, theme.brand
    looks = {
        f"light-dark({plain.accent}, {plain.dark_accent})": f"light-dark({palette.accent}, {palette.dark_accent})",
        f"light-dark({plain.on_accent}, {plain.dark_on_accent})": (
            f"light-dark({palette.on_accent}, {palette.dark_on_accent})"
        ),
        "--keyturn-radius, 8px": f"--keyturn-radius, {brand.radius}px",
        "--keyturn-font, system-ui": f"--keyturn-font, {brand.font}, system-ui"
        if brand.font
        else "--keyturn-font, system-ui",
    }
    for ours, theirs in looks.items():
        source = source.replace(ours, theirs)
    return source


def frontend_routes(site: Site) -> Sequence[HTTPRouteHandler]:
    """Return the routes of the module and of its types."""
    types = (folder("frontend") / "keyturn.d.ts").read_text("utf-8")
    return [
        _static_route(site, "/keyturn.js", brand_module(bundle_modules(), site.theme("")), "text/javascript"),
        _static_route(site, "/keyturn.d.ts", types, MediaType.TEXT),
    ]


def _static_route(site: Site, path: str, text: str, media_type: str) -> HTTPRouteHandler:
    content = text.encode()
    tag = f'"{sha256(content).hexdigest()[:20]}"'
    # Public, and made to be run by other origins, which fetch a module in the mode "cors" (HTML, 8.1.4.2).
    headers = security_headers(site) | {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "public, max-age=3600",
        "ETag": tag,
    }

    # Outside the forms' check, which would set a cookie on an answer that everybody may share.
    @route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD], opt={NO_FORM: True})
    async def script(request: AnyRequest) -> Response[bytes]:
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, media_type=media_type, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return script
