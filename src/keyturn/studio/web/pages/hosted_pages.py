"""The hosted pages: each in every state, language, width and scheme, up to date after a save."""

import re
from pathlib import Path
from typing import Any, Literal

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from keyturn.errors import TemplateInvalid
from keyturn.studio.web.frames import force_scheme
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.pages.paging import neighbours
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.rendering.source import ExcerptLine, excerpt
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
# for an SVG that is opened by its address
_POLICY_OF_FILE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_AUTOFOCUS = re.compile(r"""\sautofocus(?=[\s>])""")
_OWN_SCHEME = re.compile(r"""(color-scheme"?\s*(?::|content=)\s*"?)light dark""")


@get("/pages", sync_to_thread=False)
def first_hosted_page(hosted: NamedDependency[HostedPages]) -> Redirect:
    first, _, _ = hosted.states[0]
    return Redirect(url("pages", first))


@get("/pages/{name:str}", sync_to_thread=True)
def hosted_page(
    visit: NamedDependency[Visit], hosted: NamedDependency[HostedPages]
) -> Response[str]:
    """Show a page in a state. A broken page is explained with its file and line."""
    state = visit.name
    view = visit.view
    states = list(hosted.states)
    names = [name for name, _, _ in states]
    if state not in names:
        raise LookupError(f"There is no page called {state}.")
    _, label, template = states[names.index(state)]
    # The models of inverting clients count as dark.
    scheme: PageScheme = "light" if view.scheme == "light" else "dark"
    context: dict[str, Any] = {
        "view": view.to(scheme=scheme),
        "state": state,
        "label": label,
        "template_file": template,
        "lang": visit.gallery.languages.choose(view.lang).tag,
        "source": url("page-frames", scheme, state, view=View(lang=view.lang, brand=view.brand)),
        "fault": None,
        "frame": (),
        **neighbours(names, state),
    }
    try:
        hosted.page(state, view.lang, view.brand, url("page-frames", scheme))
    except TemplateInvalid as fault:
        context |= {"fault": fault, "frame": _lines_around(fault)}
    except ValueError as fault:
        context["fault"] = fault
    return visit.page("hosted_page.html", context)


def _lines_around(fault: TemplateInvalid) -> tuple[ExcerptLine, ...]:
    """Return the lines around a fault; none without its file or its line."""
    file = Path(fault.path)
    if not fault.line or not file.is_file():
        return ()
    return excerpt(file.read_text("utf-8", "replace"), fault.line, around=2)


@get("/page-frames/{scheme:str}/{name:str}", sync_to_thread=True)
def hosted_page_frame(
    visit: NamedDependency[Visit],
    scheme: FromPath[PageScheme],
    hosted: NamedDependency[HostedPages],
) -> Response[str]:
    view = visit.view
    try:
        html = hosted.page(visit.name, view.lang, view.brand, url("page-frames", scheme))
    except (TemplateInvalid, ValueError) as fault:
        return Response(str(fault), status_code=422, media_type=MediaType.TEXT)
    html = _AUTOFOCUS.sub("", html)  # so that the focus stays with a reader who uses keys
    headers = {"content-security-policy": _POLICY}
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
    headers = {"content-security-policy": _POLICY_OF_FILE}
    return Response(content, media_type=media_type, headers=headers)


def _in_scheme(text: str, scheme: PageScheme) -> str:
    return _OWN_SCHEME.sub(rf"\g<1>{scheme}", force_scheme(text, scheme))


HANDLERS = (first_hosted_page, hosted_page, hosted_page_frame, hosted_page_file)
