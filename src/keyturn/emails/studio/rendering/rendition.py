"""A mail of a view, drawn once for all who ask: the page, its frame, the lines that it comes from, and the checks."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from jinja2 import Template

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.fingerprints import Fingerprint, fingerprints
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins
from keyturn.emails.studio.data.current_data import CurrentData, CurrentDataReader
from keyturn.emails.studio.rendering.template_errors import Fault, fault_of_samples, fault_of_template
from keyturn.emails.studio.view import View
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Filled, Rendered
from keyturn.mail.rendering.render import Templates

_MOST = 32
"""How many mails are kept: what somebody goes back and forth between, in some megabytes."""


class Timing(NamedTuple):
    """How long a mail took to be drawn, in milliseconds."""

    jinja: float
    mjml: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendition:
    """A mail as a view asks for it. Threads may share it.

    `view` is what it is made from, with the sample and the language named. `data` is what it is drawn with; None where
    the template has no sample, and where the samples cannot be read: then `unreadable` says why, and the sample is the
    one asked for, else the one that was drawn last.

    `mail` is what is sent; with a `fault`, the last that could be drawn. `fingerprint` is that of its files.
    """

    template: str
    view: View
    language: Language
    fingerprint: Fingerprint
    data: CurrentData | None = None
    mail: Rendered | None = None
    timing: Timing | None = None
    fault: Fault | None = None
    unreadable: TemplateInvalid | None = None
    _traced: Templates | None = None
    _filled: Filled | None = None
    _from_elsewhere: tuple[Template, ...] = ()
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @property
    def sample(self) -> str:
        return self.view.sample

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw: the template has no sample."""
        return self.data is None and self.unreadable is None

    def document(self) -> Document:
        """Return the mail with the places in the templates that it comes from, drawn for the first who asks.

        Raises TemplateInvalid where its samples cannot be read or Jinja cannot render it, LookupError where there is
        no sample.
        """
        with self._one_at_a_time:
            document = self._document
        if isinstance(document, Exception):
            raise document
        return document

    @cached_property
    def _document(self) -> Document | TemplateInvalid | LookupError:
        if self._traced is None or self.data is None:
            return self.unreadable or LookupError(f"{self.template} has no sample.")
        sent = (self._filled, self.mail) if self._filled and self.mail else None
        try:
            return read_document(self._traced, self.template, self.data.sample, self.language, sent)
        except TemplateInvalid as error:
            return error

    def is_as(self, wanted: "Rendition") -> bool:
        """Whether it would be the same if what is wanted were drawn now."""
        same_data = bool(self.data and wanted.data and self.data.sample == wanted.data.sample)
        same_files = self.fingerprint == wanted.fingerprint
        return same_data and same_files and all(template.is_up_to_date for template in self._from_elsewhere)


class Renditions:
    """Draws what is asked for, and keeps the last until one of their files changes. Threads may share it."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.data = CurrentDataReader(gallery)
        self._as_sent = gallery.renderers(with_lenient_filters)
        self._traced = gallery.renderers(with_lenient_origins)
        self._kept: OrderedDict[tuple[str, View], Rendition] = OrderedDict()
        self._last_good: dict[tuple[str, View], Rendered] = {}
        self._one_at_a_time = threading.Lock()

    def rendition(self, template: str, view: View, known: Mapping[str, Fingerprint] | None = None) -> Rendition:
        """Return the mail of a view; of the first sample where it names none.

        `known` are the fingerprints of all templates, where somebody has just taken them. Raises LookupError for a
        template, a sample or a brand that does not exist.
        """
        chosen = self.gallery.languages.choose(view.lang)
        view, language = view.made_from().to(lang=chosen.tag), chosen.in_direction(view.dir)
        # Taken before anything is read: what changes meanwhile is new the next time.
        files = (fingerprints(self.gallery) if known is None else known).get(template, Fingerprint())
        wanted = Rendition(template=template, view=view, language=language, fingerprint=files)
        try:
            data = self.data.of(template, view)
        except TemplateInvalid as error:
            view, mail = self._last_mail(template, view)
            return replace(wanted, view=view, mail=mail, fault=fault_of_samples(error, self.gallery), unreadable=error)
        if data is None:
            return wanted
        return self._keep(replace(wanted, view=view.to(sample=data.sample.name), data=data), data)

    def _keep(self, wanted: Rendition, data: CurrentData) -> Rendition:
        """Return what is kept, drawn anew where it may have changed. What cannot be drawn is tried each time."""
        key = wanted.template, wanted.view
        with self._one_at_a_time:
            kept = self._kept.pop(key, None)
            rendition = kept if kept and kept.is_as(wanted) else self._draw(wanted, data)
            if rendition.mail and not rendition.fault:
                self._kept[key] = rendition
                if len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
                good = wanted.template, _without_edit(wanted.view)
                self._last_good.pop(good, None)  # so that the last one drawn is the last one there
                self._last_good[good] = rendition.mail
        return rendition

    def _draw(self, wanted: Rendition, data: CurrentData) -> Rendition:
        """Draw the mail as the one that is sent is drawn."""
        template, sample, language, brand = wanted.template, data.sample, wanted.language, wanted.view.brand
        templates, traced = self._as_sent(sample, brand), self._traced(sample, brand)
        start = perf_counter()
        try:
            filled = templates.fill(template, sample.values, language)
            between = perf_counter()
            mail = templates.compile(template, filled)
        except TemplateInvalid as error:
            fault = fault_of_template(error, self.gallery, template, sample)
            last = self._last_good.get((template, _without_edit(wanted.view)))
            return replace(wanted, mail=last, fault=fault, _traced=traced)
        return replace(
            wanted, mail=mail, timing=Timing((between - start) * 1000, (perf_counter() - between) * 1000),
            _traced=traced, _filled=filled, _from_elsewhere=_from_elsewhere(templates, language),
        )  # fmt: skip

    def _last_mail(self, template: str, view: View) -> tuple[View, Rendered | None]:
        """Return the last good mail of a sample that cannot be read now, of any where the view names none."""
        wanted = _without_edit(view)
        for (name, drawn), mail in reversed(self._last_good.items()):
            if name == template and wanted in (drawn, drawn.to(sample="")):
                return view.to(sample=drawn.sample), mail
        return view, None


def _without_edit(view: View) -> View:
    return view.to(seed=None, edit="")


def _from_elsewhere(templates: Templates, language: Language) -> tuple[Template, ...]:
    """Return what was loaded from outside the folders, where an app's own loader looks, too."""
    loaded = (templates.environment(language).cache or {}).values()
    return tuple(template for template in loaded if Path(template.filename or "") not in templates.folders)
