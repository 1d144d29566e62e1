"""What a mail is drawn with: a sample or what a seed makes of it, and what was edited on top."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.samples.plain_data import plain_data
from keyturn.emails.gallery.samples.shapes import Fields, fields_of
from keyturn.emails.studio.data.edits import EditUnreadable, Values, apply_edit
from keyturn.emails.studio.data.form import Form
from keyturn.emails.studio.data.typed_values import fit_values
from keyturn.emails.studio.view import View
from keyturn.mail.rendering.render import EmailProps


@dataclass(frozen=True, slots=True)
class CurrentData:
    """The data of a mail. `sample` is what it is drawn with: what was edited as far as it fits, else what fitted last.

    `start` and `values` are plain data: as it was before it was edited, and after, also where it does not fit.
    `faults` are what does not fit, by JSON Pointer. `unreadable` tells that the edit is no JSON object.
    """

    sample: Sample
    props: type[EmailProps] | None = None
    start: Values = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    unreadable: EditUnreadable | None = None

    @property
    def fields(self) -> Fields:
        return fields_of(self.sample.values, self.props)

    @property
    def form(self) -> Form:
        return Form(self.fields, self.start, self.values, self.faults)

    @property
    def is_edited(self) -> bool:
        return self.values != self.start


class CurrentDataReader:
    """Reads what a view asks for, anew each time; of an edit that does not fit it remembers the last one that did."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._last_fitting: dict[tuple[str, str, int | None], Mapping[str, Any]] = {}

    def of(self, template: str, view: View) -> CurrentData | None:
        """Return what the view asks for; None where the template has no sample.

        Raises LookupError for a template or a sample that does not exist, TemplateInvalid where the samples cannot be
        read.
        """
        props = self._gallery.props.get(template)
        start = self._start(template, view, props)
        if start is None:
            return None
        before = plain_data(start.values)
        last = self._last_fitting.get((template, start.name, view.seed), start.values)
        try:
            values = apply_edit(before, view.edit)
        except EditUnreadable as error:
            return CurrentData(replace(start, values=last), props, before, before, unreadable=error)
        if not view.edit:
            self._last_fitting.pop((template, start.name, view.seed), None)
            return CurrentData(start, props, before, values)
        drawn, faults = fit_values(start, values, props)
        if faults:
            return CurrentData(replace(start, values=last), props, before, values, faults)
        self._last_fitting[template, start.name, view.seed] = drawn
        return CurrentData(replace(start, values=drawn), props, before, values)

    def _start(self, template: str, view: View, props: type[EmailProps] | None) -> Sample | None:
        name = view.sample or next(iter(self._gallery.samples(template)), "")
        if not name and (view.seed is None or props is None):
            return None
        start = self._gallery.sample(template, name) if name else Sample("", {}, "typed")
        if view.seed is None:
            return start
        from keyturn.emails.studio.data.random_data import random_sample

        return random_sample(start, props, view.seed)
