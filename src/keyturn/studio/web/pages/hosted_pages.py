"""The hosted pages: each in every state, language, width and scheme, up to date after a save."""

import re
from pathlib import Path
from typing import Literal

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from keyturn.errors import TemplateInvalid
from keyturn.studio.web.frames import force_scheme
from keyturn.studio.web.pages.layout import Visit, neighbours
from keyturn.studio.web.rendering.source import excerpt
from keyturn.studio.web.studio import HostedPages
from keyturn.studio.web.view import View

PageScheme = Literal["light", "dark"]

# The scripts of the page run, since it looks different without them. Forms and other scripts are
# refused. A sandbox that allowed scripts and the studio's origin would protect nothing (HTML,
# 4.8.5).
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for "
    "'script'"
)
_AUTOFOCUS = re.compile(r"""\sautofocus(?=[\s>])""")
_OWN_SCHEME = re.compile(r"""(color-scheme"?\s*(?::|content=)\s*"?)light dark""")


@get("/pages", sync_to_thread=False)
def first_hosted_page(
    visit: NamedDependency[Visit], hosted: NamedDependency[HostedPages]
) -> Redirect:
    return Redirect(visit.layout.url("pages", hosted.states[0][0]))


@get("/pages/{name:str}", sync_to_thread=True)
def hosted_page(
    visit: NamedDependency[Visit], hosted: NamedDependency[HostedPages]
) -> Response[str]:
    """Show a page in a state. A broken page is explained with its file and line."""
    name, view, layout = visit.name, visit.view, visit.layout
    states = {state: (label, template) for state, label, template in hosted.states}
    if name not in states:
        raise LookupError(f"There is no page called {name}.")
    # The models of inverting clients count as dark.
    scheme: PageScheme = "light" if view.scheme == "light" else "dark"
    label, template = states[name]
    fault: TemplateInvalid | ValueError | None = None
    try:
        hosted.page(name, view.lang, view.brand, layout.url("page-frames", scheme))
    except (TemplateInvalid, ValueError) as error:
        fault = error
    broken = Path(getattr(fault, "path", ""))
    text = broken.read_text("utf-8", "replace") if broken.is_file() else ""
    context = {
        "view": view.to(scheme=scheme),
        "state": name,
        "label": label,
        "template_file": template,
        "lang": layout.gallery.languages.choose(view.lang).tag,
        "fault": fault,
        "frame": excerpt(text, getattr(fault, "line", None) or 0, around=2),
        "source": layout.url(
            "page-frames", scheme, name, view=View(lang=view.lang, brand=view.brand)
        ),
        **neighbours([*states], name),
    }
    return visit.page("hosted_page.html", context)


@get("/page-frames/{scheme:str}/{name:str}", sync_to_thread=True)
def hosted_page_frame(
    visit: NamedDependency[Visit],
    scheme: FromPath[PageScheme],
    hosted: NamedDependency[HostedPages],
) -> Response[str]:
    view = visit.view
    try:
        html = hosted.page(
            visit.name, view.lang, view.brand, visit.layout.url("page-frames", scheme)
        )
    except (TemplateInvalid, ValueError) as fault:
        return Response(str(fault), status_code=422, media_type=MediaType.TEXT)
    headers = {"content-security-policy": _POLICY}
    html = _AUTOFOCUS.sub("", html)  # so that the focus stays with a reader who uses keys
    return Response(_in_scheme(html, scheme), media_type=MediaType.HTML, headers=headers)


@get("/page-frames/{scheme:str}/keyturn-assets/{version:str}/{name:str}", sync_to_thread=True)
def hosted_page_file(
    scheme: FromPath[PageScheme],
    version: FromPath[str],
    name: FromPath[str],
    hosted: NamedDependency[HostedPages],
) -> Response[bytes]:
    """Answer with a file of a page.

    A stylesheet gets the wanted scheme, whatever the machine prefers.
    """
    del version
    content, media_type = hosted.file(name)
    if media_type == "text/css":
        content = _in_scheme(content.decode(), scheme).encode()
    # for an SVG that is opened by its address
    policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return Response(content, media_type=media_type, headers={"content-security-policy": policy})


def _in_scheme(text: str, scheme: PageScheme) -> str:
    return _OWN_SCHEME.sub(rf"\g<1>{scheme}", force_scheme(text, scheme))


HANDLERS = (first_hosted_page, hosted_page, hosted_page_frame, hosted_page_file)
