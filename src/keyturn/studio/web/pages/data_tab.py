"""The tab with a mail's data: the form, its edits in the address, and samples to save."""

from typing import Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keyturn.errors import SampleNotSaved, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples.saving import SampleFiles, name_fault
from keyturn.studio.web.data.current_data import CurrentData, current_data
from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.view import View

_LONGEST = 60_000
"""Octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB."""


class SentSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data to save as a sample. `replaces`: also if a sample has this name."""

    name: str
    edit: str
    replaces: bool = False


class Obstacle(msgspec.Struct, frozen=True):
    """A reason why saving fails. A sample of the same name can be replaced."""

    detail: str
    replaceable: bool = False


def parts(gallery: Gallery, template: str, view: View, data: CurrentData | None) -> dict[str, Any]:
    if data is None:
        return {"data": None}
    files = SampleFiles(gallery, template)
    name = data.sample.name if files.has(data.sample.name) else ""
    return {
        "data": data,
        "form": _form(data, view),
        "has_fields": bool(data.schema["properties"]),
        "longest": _LONGEST,
        "save_as": name,
        "saved_in": _name_of(gallery, files.file_for(name)) if files.is_writable(name) else "",
    }


def _save(gallery: Gallery, template: str, view: View, name: str, *, replaces: bool) -> Obstacle | None:
    """Save the data of the view under a name; return why it was not saved. Raises LookupError."""
    if fault := name_fault(name):
        return Obstacle(fault)
    files = SampleFiles(gallery, template)
    try:
        data = current_data(gallery, template, view)
    except TemplateInvalid as error:
        return Obstacle(f"The samples cannot be read: {error}.")
    if data.faults:
        return Obstacle("Some values are not valid yet. Correct them first.")
    if files.has(name) and not replaces:
        return Obstacle(f"A sample named {name} already exists.", replaceable=True)
    try:
        files.save(name, data.sample.values, data.fields)
    except SampleNotSaved as error:
        return Obstacle(f"{_name_of(gallery, error.file)} was not written: {error.reason}.")
    return None


def _name_of(gallery: Gallery, file: Any) -> str:
    folder = gallery.folder.resolve()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _form(data: CurrentData, view: View) -> str:
    """Return what the page makes its form of, as JSON; infinite numbers become null."""
    parts = {
        "schema": data.schema,
        "values": data.values,
        "start": data.start,
        "faults": data.faults,
        "address": view.here(edit=""),
    }
    return msgspec.json.encode(parts).decode()


@post("/templates/{name:path}", status_code=200, sync_to_thread=True)
def save(
    path_name: NamedDependency[str],
    data: JSONBody[SentSample],
    view: NamedDependency[View],
    layout: NamedDependency[Layout],
) -> Response[Any]:
    """Save the data as a sample. 409 with what is in the way (RFC 9110, 15.5.10)."""
    name = data.name.strip()
    if obstacle := _save(layout.gallery, path_name, view.to(edit=data.edit), name, replaces=data.replaces):
        return Response(obstacle, status_code=409)
    return Response({"address": layout.url("templates", path_name, view=view.to(sample=name, edit=""))})


HANDLERS = (save,)
