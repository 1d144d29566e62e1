"""The data of a mail: its tab, and saving it as a sample."""

from typing import Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import JSONBody

from keyturn.errors import SampleNotSaved, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.saving import SampleFiles, name_fault
from keyturn.studio.web.data import CurrentData, current_data
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.view import View

_LONGEST_QUERY = (
    60_000  # octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB.
)


def data_of_tab(
    gallery: Gallery, template: str, view: View, data: CurrentData | None
) -> dict[str, Any]:
    """Return what the tab shows.

    `form`: what a script makes the form of, as JSON; infinite numbers become null.
    """
    if data is None:
        return {"data": None}
    files = SampleFiles(gallery, template)
    sample = data.sample.name
    save_as = sample if files.has(sample) else ""
    saved_in = ""
    if files.is_writable(save_as):
        saved_in = gallery.name_of(files.file_for(save_as))
    schema = data.schema
    form = {
        "schema": schema,
        "values": data.values,
        "start": data.start,
        "faults": data.faults,
        "address": view.here(edit=""),
    }
    return {
        "data": data,
        "form": msgspec.json.encode(form).decode(),
        "has_fields": bool(schema["properties"]),
        "longest": _LONGEST_QUERY,
        "save_as": save_as,
        "saved_in": saved_in,
    }


class SentSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data to save as a sample. `replaces`: also if a sample has this name."""

    name: str
    edit: str
    replaces: bool = False


@post(
    "/templates/{name:path}", status_code=200, exception_handlers=AS_PROBLEMS, sync_to_thread=True
)
def save_sample(visit: NamedDependency[Visit], data: JSONBody[SentSample]) -> Response[Any]:
    """Save the data of the view under a name.

    Raises LookupError, and a 409 for what is in the way.
    """
    gallery = visit.gallery
    template = visit.name
    view = visit.view
    name = data.name.strip()
    fault = name_fault(name)
    if fault:
        raise _in_the_way(fault)
    files = SampleFiles(gallery, template)
    try:
        current = current_data(gallery, template, view.to(edit=data.edit))
    except TemplateInvalid as error:
        raise _in_the_way(f"The samples cannot be read: {error}.") from error
    if current.faults:
        raise _in_the_way("Some values are not valid yet. Correct them first.")
    if files.has(name) and not data.replaces:
        raise _in_the_way(f"A sample named {name} already exists.", replaceable=True)
    try:
        files.save(name, current.sample.values, current.schema)
    except SampleNotSaved as error:
        file = gallery.name_of(error.file)
        raise _in_the_way(f"{file} was not written: {error.reason}.") from error
    address = url("templates", template, view=view.to(sample=name, edit=""))
    return Response({"address": address})


def _in_the_way(detail: str, *, replaceable: bool = False) -> HTTPException:
    """Return a 409 for data that cannot be saved (RFC 9110, 15.5.10).

    A sample of the same name can be replaced.
    """
    return HTTPException(status_code=409, detail=detail, extra={"replaceable": replaceable})


HANDLERS = (save_sample,)
