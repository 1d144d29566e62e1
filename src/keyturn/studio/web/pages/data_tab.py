"""The tab with a mail's data: the form, its edits in the address, and samples to save."""

from typing import Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import JSONBody

from keyturn.errors import SampleNotSaved, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples.saving import SampleFiles, name_fault
from keyturn.studio.web.data import CurrentData, current_data
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages.layout import Visit
from keyturn.studio.web.view import View

_LONGEST = 60_000  # octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB.


class SentSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data to save as a sample. `replaces`: also if a sample has this name."""

    name: str
    edit: str
    replaces: bool = False


def parts(gallery: Gallery, template: str, view: View, data: CurrentData | None) -> dict[str, Any]:
    """Return what the tab shows. `form`: what a script makes the form of, as JSON; infinite numbers become null."""
    if data is None:
        return {"data": None}
    files, schema = SampleFiles(gallery, template), data.schema
    name = data.sample.name if files.has(data.sample.name) else ""
    form = {part: getattr(data, part) for part in ("values", "start", "faults")}
    return {
        "data": data,
        "form": msgspec.json.encode({"schema": schema, **form, "address": view.here(edit="")}).decode(),
        "has_fields": bool(schema["properties"]),
        "longest": _LONGEST,
        "save_as": name,
        "saved_in": _name_of(gallery, files.file_for(name)) if files.is_writable(name) else "",
    }


def _save(gallery: Gallery, template: str, view: View, name: str, *, replaces: bool) -> None:
    """Save the data of the view under a name. Raises LookupError, and a 409 for what is in the way."""
    if fault := name_fault(name):
        raise _in_the_way(fault)
    files = SampleFiles(gallery, template)
    try:
        data = current_data(gallery, template, view)
    except TemplateInvalid as error:
        raise _in_the_way(f"The samples cannot be read: {error}.") from error
    if data.faults:
        raise _in_the_way("Some values are not valid yet. Correct them first.")
    if files.has(name) and not replaces:
        raise _in_the_way(f"A sample named {name} already exists.", replaceable=True)
    try:
        files.save(name, data.sample.values, data.schema)
    except SampleNotSaved as error:
        raise _in_the_way(f"{_name_of(gallery, error.file)} was not written: {error.reason}.") from error


def _in_the_way(detail: str, *, replaceable: bool = False) -> HTTPException:
    """Return a 409 for data that cannot be saved (RFC 9110, 15.5.10). A sample of the same name can be replaced."""
    return HTTPException(status_code=409, detail=detail, extra={"replaceable": replaceable})


def _name_of(gallery: Gallery, file: Any) -> str:
    folder = gallery.folder.resolve()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


@post("/templates/{name:path}", status_code=200, exception_handlers=AS_PROBLEMS, sync_to_thread=True)
def save(visit: NamedDependency[Visit], data: JSONBody[SentSample]) -> Response[Any]:
    """Save the data as a sample, or say what is in the way."""
    name, view = data.name.strip(), visit.view
    _save(visit.gallery, visit.name, view.to(edit=data.edit), name, replaces=data.replaces)
    return Response({"address": visit.layout.url("templates", visit.name, view=view.to(sample=name, edit=""))})


HANDLERS = (save,)
