"""keyturn.js for the pages of other sites: all modules of `frontend/` as one file, in the brand."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256

from litestar import MediaType, Response, route
from litestar.handlers import HTTPRouteHandler

from keyturn.extras import folder
from keyturn.service.api.requests import READ, AnyRequest
from keyturn.service.pages.assets import file_response
from keyturn.service.pages.security import NO_FORM, security_headers
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.settings.paths import FixedRoute

_MODULES = (
    "client", "style", "moments", "making", "puzzle", "challenge", "forms", "code", "asking",
    "link", "strength", "rules", "second_step", "reset",
)  # fmt: skip
"""The modules in `frontend/keyturn/`, each after those that it imports. brand.js is not among them:
the service writes it.
"""


def frontend_routes(site: Site) -> Sequence[HTTPRouteHandler]:
    module = bundle_modules(site.theme(""))
    types = (folder("frontend") / "keyturn.d.ts").read_bytes()
    return [
        _static_route(site, FixedRoute.SCRIPT, module.encode(), "text/javascript"),
        _static_route(site, FixedRoute.SCRIPT_TYPES, types, MediaType.TEXT),
    ]


def bundle_modules(theme: Theme) -> str:
    """Return all modules of keyturn.js as one, with the brand of `theme`."""
    licence = "// Keyturn in your own pages. MIT licence."
    return f"{licence}\n{_brand_module(theme)}\n{_shared_modules()}"


def _brand_module(theme: Theme) -> str:
    """Return brand.js with the brand's accent, corners and font.

    The elements have no background of their own: they are shown on that of the app.
    """
    brand = theme.brand
    palette = theme.palette
    variables = {
        "accent": f"light-dark({palette.accent}, {palette.dark_accent})",
        "on-accent": f"light-dark({palette.on_accent}, {palette.dark_on_accent})",
        "radius": f"{brand.radius}px",
        "font": f"{brand.font}, system-ui" if brand.font else "system-ui",
    }
    declarations = " ".join(f"--brand-{name}: {value};" for name, value in variables.items())
    rule = f".root {{ {declarations} }}"
    return f"const BRAND = {json.dumps(rule)};"


@cache
def _shared_modules() -> str:
    """Return the modules that are the same for every brand."""
    sources = folder("frontend")
    lines = []
    for name in _MODULES:
        module = (sources / "keyturn" / f"{name}.js").read_text("utf-8")
        for line in code_lines(module):
            # All names of the modules are in one scope, and only those of keyturn.js are public.
            lines.append(line.removeprefix("export "))
    entry = (sources / "keyturn.js").read_text("utf-8")
    lines.extend(code_lines(entry))
    return "\n".join(lines) + "\n"


def code_lines(module: str) -> Iterator[str]:
    """Yield the lines of a module without indentation, blank lines, imports and comments.

    A comment behind code stays, so `frontend/` has its comments on lines of their own. Raises
    ValueError if code follows a comment on its line: it would be left out.
    """
    in_comment = False
    for line in module.splitlines():
        code = line.strip()
        if code.startswith("/*"):
            in_comment = True
        if in_comment:
            _, end, after = code.partition("*/")
            if after:
                raise ValueError(f"code follows a comment on the same line: {code}")
            in_comment = not end
            continue
        if code and not code.startswith(("//", "import ")):
            yield code


def _static_route(site: Site, path: str, content: bytes, media_type: str) -> HTTPRouteHandler:
    fingerprint = sha256(content).hexdigest()[:20]
    # The file is public, and pages of other origins run it. They fetch a module in the mode "cors"
    # (HTML, 8.1.4.2).
    headers = security_headers(site) | {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept-Encoding",
        "ETag": f'W/"{fingerprint}"',  # weak: a compressed answer has other bytes
    }

    # No check of forms: it would set a cookie on an answer that caches share.
    @route(path, http_method=READ, opt={NO_FORM: True})
    async def script(request: AnyRequest) -> Response[bytes]:
        if fingerprint in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, media_type=media_type, headers=headers)
        return file_response(request, content, media_type, headers)

    return script
