"""What the tab with the data shows, and what comes of what is sent from there."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from litestar.exceptions import ClientException, NotFoundException
from litestar.status_codes import HTTP_409_CONFLICT

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.samples.saving import SampleFiles, name_fault
from keyturn.emails.studio.data.current_data import CurrentData, CurrentDataReader
from keyturn.emails.studio.data.edits import EditUnreadable, edit_of, in_lines, read_object, steps_of
from keyturn.emails.studio.data.first_sample import first_sample
from keyturn.emails.studio.data.form_reading import Sent, read
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
    gallery: Gallery
    giving: CurrentDataReader

    def parts(self, template: str, view: View, given: CurrentData | None) -> dict[str, Any]:
        """Return what the page needs to know."""
        if given is None:
            return {"given": None}
        files = self._files(template)
        text = view.edit if given.unreadable else in_lines(given.values)
        name = view.save or (given.sample.name if files.has(given.sample.name) else "")
        return {
            "given": given,
            "fields": list(given.form) if view.data == "form" else [],
            "text": text,
            "misfits": list(_misfits(given, text)),
            "next_seed": secrets.randbelow(_SEEDS),
            "too_long": len(str(view)) if len(str(view)) > _PORTABLE else 0,
            "longest": _LONGEST,
            "save_as": name,
            "obstacle": self._obstacle(files, name, given) if view.save else None,
            "saved_in": self._shown(files.file_for(name)) if files.is_writable(name) else "",
        }

    def start(self, template: str) -> dict[str, Any]:
        """Return what a page needs to know that teaches how a first sample is written."""
        props = self.gallery.props[template]
        return {
            "start": first_sample(props),
            "start_file": self._shown(self._files(template).file_for("")),
            "next_seed": secrets.randbelow(_SEEDS),
        }

    def edited(self, template: str, view: View, sent: Sent) -> View:
        """Return the view with the edit that was sent. Raises NotFoundException."""
        given = self._given(template, view)
        if given is None:
            return view
        if (text := sent.text("json")) is not None:
            try:
                values = read_object(text)
            except EditUnreadable:
                return view.to(edit=text or " ")  # as it is: nothing typed is lost
        elif sent.has_fields:
            values = read(given.form, sent)
        else:
            return view
        return view.to(edit=edit_of(given.start, values))

    def save(self, template: str, view: View, sent: Sent) -> View:
        """Save what the view asks for under the name that was sent; return the view to go to.

        That is the new sample, or the same one with what is in the way. Raises NotFoundException, and ClientException
        where the disk is.
        """
        name, files, given = (sent.text("as") or "").strip(), self._files(template), self._given(template, view)
        obstacle = self._obstacle(files, name, given)
        if given is None or (obstacle and not (obstacle.replaceable and sent.text("replace"))):
            back = view.to(save=name or " ")
            if obstacle and len(str(back)) > _LONGEST:
                raise ClientException(status_code=HTTP_409_CONFLICT, detail=obstacle.says)
            return back
        try:
            files.save(name, given.sample.values, given.fields)
        except SampleNotSaved as error:
            raise ClientException(
                status_code=HTTP_409_CONFLICT, detail=f"{self._shown(error.file)} was not written: {error.reason}."
            ) from error
        return view.to(sample=name, seed=None, edit="", save="")

    def _obstacle(self, files: SampleFiles, name: str, given: CurrentData | None) -> Obstacle | None:
        """Return what is in the way of saving, as far as it can be told without writing."""
        if fault := name_fault(name.strip()):
            return Obstacle(fault)
        if given is None or given.faults or given.unreadable:
            return Obstacle("Not all of the values fit yet.")
        try:
            files.text_with(name, given.sample.values, given.fields)
        except SampleNotSaved as error:
            return Obstacle(f"{self._shown(error.file)} cannot be written: {error.reason}.")
        return Obstacle(f"There is a sample called {name}.", replaceable=True) if files.has(name) else None

    def _given(self, template: str, view: View) -> CurrentData | None:
        try:
            return self.giving.of(template, view)
        except TemplateInvalid:  # the samples cannot be read, which the page itself says
            return None
        except LookupError as error:
            raise NotFoundException(detail=str(error)) from error

    def _files(self, template: str) -> SampleFiles:
        gallery = self.gallery
        return SampleFiles(
            gallery.folder,
            template,
            gallery.files(template).markup,
            elsewhere=gallery.samples_folder,
            asked=lambda: gallery.variables(template),
        )

    def _shown(self, file: Any) -> str:
        folder = self.gallery.folder.resolve()
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _misfits(given: CurrentData, text: str) -> Iterator[Misfit]:
    lines = text.split("\n")
    if wrong := given.unreadable:
        yield Misfit("", f"{wrong.message}.", wrong.line, wrong.column, excerpt(lines, wrong.line, wrong.column))
    for place, says in given.faults.items():
        steps = steps_of(place)
        line = _line_of(given.values, steps)
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
        elif isinstance(values, list) and step.isdecimal() and int(step) < len(values):
            before, values = before + _lines_in(values[: int(step)]) + 1, values[int(step)]
        else:
            break
    return before + 1


def _lines_in(container: Any) -> int:
    """Return how many lines the parts of a list or an object take."""
    return max(0, json.dumps(container, indent=2).count("\n") - 1) if container else 0
