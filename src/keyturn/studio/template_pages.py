"""The pages of the templates: a sample as a mail, and the files that templates share."""

from datetime import datetime
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.languages import Languages
from keyturn.studio import data, frames
from keyturn.studio.face import Face
from keyturn.studio.gallery import Gallery
from keyturn.studio.links import links_of
from keyturn.studio.previews import Preview, Previews
from keyturn.studio.sizes import size_of
from keyturn.studio.source import shared_source, template_source
from keyturn.studio.view import View


@get("/", sync_to_thread=False)
def first_page(gallery: NamedDependency[Gallery], face: NamedDependency[Face]) -> Response[Any]:
    """Open the first template that has something to show."""
    entries = sorted(gallery.entries(), key=lambda entry: not entry.samples)
    if not entries:
        return face.page("no_templates.html", {"path": gallery.folder})
    return Redirect(face.url("templates", entries[0].name))


@get("/templates/{name:str}", sync_to_thread=False)
def template_page(
    name: FromPath[str],
    view: NamedDependency[View],
    gallery: NamedDependency[Gallery],
    previews: NamedDependency[Previews],
    languages: NamedDependency[Languages],
    face: NamedDependency[Face],
) -> Response[str]:
    """Show a sample. A broken template is a page too: the fault, and the last good mail behind it."""
    preview = _draw(previews, name, view, languages)
    context: dict[str, Any] = {
        "template": name,
        "view": view.to(sample=preview.sample),
        "language": str(languages.choose(view.lang).locale),
        "preview": preview,
        "frame": View(sample=preview.sample, lang=view.lang, scheme=view.scheme),
        "sandbox": frames.PREVIEW,
        "now": datetime.now().astimezone(),
    }
    if not preview.sample and not preview.fault:
        return face.page("no_samples.html", context | {"start": data.first_sample(gallery.props(name))})
    if mail := preview.mail:
        context |= {"links": links_of(mail.html, mail.text), "size": size_of(mail.html, mail.text)}
    if view.show == "source":
        context["source"] = template_source(gallery, name, view.file, preview.mail)
    return face.page("template.html", context | _neighbours(gallery, name, preview.sample))


@get("/frames/{name:str}", sync_to_thread=False)
def template_frame(
    name: FromPath[str],
    view: NamedDependency[View],
    previews: NamedDependency[Previews],
    languages: NamedDependency[Languages],
) -> Response[str]:
    """Answer with the mail alone: the last good one while the template is broken."""
    preview = _draw(previews, name, view, languages)
    if preview.mail is None:
        reason = f"{preview.fault.place}: {preview.fault.message}" if preview.fault else f"{name} has no sample."
        return Response(reason, status_code=HTTP_422_UNPROCESSABLE_ENTITY, media_type=MediaType.TEXT)
    return frames.frame(preview.mail.html, view.scheme, frames.PREVIEW)


@get("/files/{file:path}", sync_to_thread=False)
def shared_file_page(
    file: FromPath[Path], view: NamedDependency[View], gallery: NamedDependency[Gallery], face: NamedDependency[Face]
) -> Response[str]:
    """Show a file that templates share, and which ones do."""
    name = file.as_posix().lstrip("/")
    if name not in gallery.shared():
        raise NotFoundException(detail=f"The templates share no file called {name}.")
    context = {"view": view, "source": shared_source(gallery, name), "users": gallery.users(name)}
    return face.page("file.html", context | {"shared_file": name})


def _draw(previews: Previews, template: str, view: View, languages: Languages) -> Preview:
    try:
        return previews.draw(template, view.sample, languages.choose(view.lang))
    except LookupError as error:
        raise NotFoundException(detail=str(error)) from error


def _neighbours(gallery: Gallery, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
    """Return the samples before and after this one, in the order of the list."""
    order = [(entry.name, name) for entry in gallery.entries() for name in entry.samples]
    here = order.index((template, sample)) if (template, sample) in order else 0
    return {
        "before": order[here - 1] if here > 0 else None,
        "after": order[here + 1] if here + 1 < len(order) else None,
    }
