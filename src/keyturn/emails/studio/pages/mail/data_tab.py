"""What the tab with the data shows, and what comes of what is sent from there."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_409_CONFLICT

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.samples.saving import SampleFiles, name_fault
from keyturn.emails.studio.data.current_data import CurrentData, CurrentDataReader
from keyturn.emails.studio.data.edits import (
    EditUnreadable,
    edit_between,
    is_index,
    read_object,
    steps_of,
    to_json_lines,
)
from keyturn.emails.studio.data.form_reading import SubmittedForm, read_values
from keyturn.emails.studio.data.random_data import first_sample
from keyturn.emails.studio.rendering.excerpt import ExcerptLine, excerpt
from keyturn.emails.studio.view import View
from keyturn.errors import SampleNotSaved, TemplateInvalid

_PORTABLE = 8000
"""Octets. What everything on the way of an address should take (RFC 9110, 4.1)."""

_LONGEST = 60_000
"""Octets of a query. The parser beneath uvicorn refuses a request line of 64 KiB."""

_SEEDS = 10_000


class Obstacle(NamedTuple):
    """What is in the way of saving. A sample of the same name can be replaced."""

    says: str
    replaceable: bool = False


class Misfit(NamedTuple):
    """Something in the JSON that does not fit, by the name of its place."""

    place: str
    says: str
    line: int
    column: int
    excerpt: tuple[ExcerptLine, ...]


@dataclass(frozen=True, slots=True)
class DataTab:
    """Makes the tab in which the data of a mail are edited."""

    gallery: Gallery
    reader: CurrentDataReader

    def parts(self, template: str, view: View, data: CurrentData | None) -> dict[str, Any]:
        if data is None:
            return {"data": None}
        files = self._files(template)
        text = view.edit if data.unreadable else to_json_lines(data.values)
        name = view.save or (data.sample.name if files.has(data.sample.name) else "")
        return {
            "data": data,
            "fields": list(data.form) if view.data == "form" else [],
            "text": text,
            "misfits": list(_find_misfits(data, text)),
            "next_seed": secrets.randbelow(_SEEDS),
            "too_long": len(str(view)) if len(str(view)) > _PORTABLE else 0,
            "longest": _LONGEST,
            "save_as": name,
            "obstacle": self._obstacle(files, name, data) if view.save else None,
            "saved_in": self._name_of(files.file_for(name)) if files.is_writable(name) else "",
        }

    def start(self, template: str) -> dict[str, Any]:
        """Return what a page needs to know that teaches how a first sample is written."""
        props = self.gallery.props[template]
        return {
            "start": first_sample(props),
            "start_file": self._name_of(self._files(template).file_for("")),
            "next_seed": secrets.randbelow(_SEEDS),
        }

    def view_with_edit(self, template: str, view: View, sent: SubmittedForm) -> View:
        """Return the view with the edit that was sent. Raises LookupError."""
        data = self._current_data(template, view)
        if data is None:
            return view
        if (text := sent.text("json")) is not None:
            try:
                values = read_object(text)
            except EditUnreadable:
                return view.to(edit=text or " ")  # as it is: nothing typed is lost
        elif sent.has_fields:
            values = read_values(data.form, sent)
        else:
            return view
        return view.to(edit=edit_between(data.start, values))

    def save(self, template: str, view: View, sent: SubmittedForm) -> View:
        """Save what the view asks for under the name that was sent; return the view to go to.

        That is the new sample, or the same one with what is in the way. Raises LookupError, and ClientException
        where the disk is.
        """
        name, files, data = (sent.text("as") or "").strip(), self._files(template), self._current_data(template, view)
        obstacle = self._obstacle(files, name, data)
        if data is None or (obstacle and not (obstacle.replaceable and sent.text("replace"))):
            back = view.to(save=name or " ")
            if obstacle and len(str(back)) > _LONGEST:
                raise ClientException(status_code=HTTP_409_CONFLICT, detail=obstacle.says)
            return back
        try:
            files.save(name, data.sample.values, data.fields)
        except SampleNotSaved as error:
            raise ClientException(
                status_code=HTTP_409_CONFLICT, detail=f"{self._name_of(error.file)} was not written: {error.reason}."
            ) from error
        return view.to(sample=name, seed=None, edit="", save="")

    def _obstacle(self, files: SampleFiles, name: str, data: CurrentData | None) -> Obstacle | None:
        """Return what is in the way of saving, as far as it can be told without writing."""
        if fault := name_fault(name.strip()):
            return Obstacle(fault)
        if data is None or data.faults or data.unreadable:
            return Obstacle("Not all of the values fit yet.")
        try:
            files.text_with(name, data.sample.values, data.fields)
        except SampleNotSaved as error:
            return Obstacle(f"{self._name_of(error.file)} cannot be written: {error.reason}.")
        return Obstacle(f"There is a sample called {name}.", replaceable=True) if files.has(name) else None

    def _current_data(self, template: str, view: View) -> CurrentData | None:
        try:
            return self.reader.of(template, view)
        except TemplateInvalid:  # the samples cannot be read, which the page itself says
            return None

    def _files(self, template: str) -> SampleFiles:
        gallery = self.gallery
        return SampleFiles(
            gallery.folder,
            template,
            gallery.files(template).markup,
            elsewhere=gallery.samples_folder,
            printed_names=lambda: gallery.variables(template),
        )

    def _name_of(self, file: Any) -> str:
        folder = self.gallery.folder.resolve()
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _find_misfits(data: CurrentData, text: str) -> Iterator[Misfit]:
    lines = text.split("\n")
    if wrong := data.unreadable:
        yield Misfit("", f"{wrong.message}.", wrong.line, wrong.column, excerpt(lines, wrong.line, wrong.column))
    for place, says in data.faults.items():
        steps = steps_of(place)
        line = _line_of(data.values, steps)
        column = len(lines[line - 1]) - len(lines[line - 1].lstrip(' "')) + 1
        yield Misfit(".".join(steps), says, line, column, excerpt(lines, line, column))


def _line_of(values: Any, steps: list[str]) -> int:
    """Return the line of a place in the written values; the first where it is not among them."""
    before = 0
    for step in steps:
        if isinstance(values, dict) and step in values:
            names = list(values)
            earlier = {name: values[name] for name in names[: names.index(step)]}
            before, values = before + _lines_in(earlier) + 1, values[step]
        elif isinstance(values, list) and is_index(step, values):
            before, values = before + _lines_in(values[: int(step)]) + 1, values[int(step)]
        else:
            break
    return before + 1


def _lines_in(container: Any) -> int:
    """Return how many lines the parts of a list or an object take."""
    return max(0, json.dumps(container, indent=2).count("\n") - 1) if container else 0
