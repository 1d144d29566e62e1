"""The tab with a mail's data: the form, its edits in the address, and samples to save."""

from typing import Any, NamedTuple

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.response import Redirect
from msgspec import Struct

from keyturn.errors import SampleNotSaved, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples.saving import SampleFiles, name_fault
from keyturn.studio.web.data.current_data import CurrentData, current_data
from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.view import View

_LONGEST = 60_000
"""Octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB."""


class Obstacle(NamedTuple):
    """A reason why saving fails. A sample of the same name can be replaced."""

    says: str
    replaceable: bool = False


class DataTab(Struct, frozen=True):
    gallery: Gallery

    def parts(self, template: str, view: View, data: CurrentData | None) -> dict[str, Any]:
        if data is None:
            return {"data": None}
        files = self._files(template)
        name = view.save or (data.sample.name if files.has(data.sample.name) else "")
        return {
            "data": data,
            "form": _form(data, view),
            "has_fields": bool(data.schema["properties"]),
            "longest": _LONGEST,
            "save_as": name,
            "obstacle": self._obstacle(files, name, data) if view.save else None,
            "saved_in": self._name_of(files.file_for(name)) if files.is_writable(name) else "",
        }

    def save(self, template: str, view: View, name: str, *, replaces: bool) -> View:
        """Save the data of the view under a name; return the next view. `replaces`: a sample of that name, too.

        It shows the new sample, or the same sample with the reason why it was not saved. Raises LookupError, and
        ClientException if the disk refuses.
        """
        files, data = self._files(template), self._current_data(template, view)
        obstacle = self._obstacle(files, name, data)
        if data is None or (obstacle and not (obstacle.replaceable and replaces)):
            back = view.to(save=name or " ")
            if obstacle and len(str(back)) > _LONGEST:
                raise ClientException(status_code=409, detail=obstacle.says)
            return back
        try:
            files.save(name, data.sample.values, data.fields)
        except SampleNotSaved as error:
            raise ClientException(
                status_code=409, detail=f"{self._name_of(error.file)} was not written: {error.reason}."
            ) from error
        return view.to(sample=name, edit="", save="")

    def _obstacle(self, files: SampleFiles, name: str, data: CurrentData | None) -> Obstacle | None:
        """Return the reason why saving would fail, as far as it is known without writing."""
        if fault := name_fault(name.strip()):
            return Obstacle(fault)
        if data is None or data.faults:
            return Obstacle("Some values are not valid yet. Correct them first.")
        try:
            files.text_with(name, data.sample.values, data.fields)
        except SampleNotSaved as error:
            return Obstacle(f"{self._name_of(error.file)} cannot be written: {error.reason}.")
        return Obstacle(f"A sample named {name} already exists.", replaceable=True) if files.has(name) else None

    def _current_data(self, template: str, view: View) -> CurrentData | None:
        try:
            return current_data(self.gallery, template, view)
        except TemplateInvalid:  # the page reports samples that cannot be read
            return None

    def _files(self, template: str) -> SampleFiles:
        gallery = self.gallery
        return SampleFiles(
            gallery.folder,
            template,
            gallery.files(template).markup,
            printed_names=lambda: gallery.variables(template),
        )

    def _name_of(self, file: Any) -> str:
        folder = self.gallery.folder.resolve()
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


@post("/templates/{name:path}", status_code=303)
async def save(
    request: Request[Any, Any, Any],
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    data_tab: NamedDependency[DataTab],
    layout: NamedDependency[Layout],
) -> Redirect:
    """Save the submitted data as a sample, and go to it; or go back, and show why it failed."""
    sent = await request.form()
    edited = view.to(save="", edit=str(sent.get("edit", view.edit)))
    there = data_tab.save(path_name, edited, str(sent.get("as", "")).strip(), replaces="replace" in sent)
    return layout.redirect("templates", path_name, view=there)


HANDLERS = (save,)
