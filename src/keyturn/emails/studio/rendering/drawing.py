"""Mails drawn where it is bounded: what a worker has, what it is asked for, and what it answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from cachetools import FIFOCache

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.branches.report import BranchReport
from keyturn.emails.gallery.branches.search import LONGEST
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.file_states import FileState, state_of
from keyturn.emails.gallery.sizes import require_sendable
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins
from keyturn.emails.lint.limits import limit_of
from keyturn.emails.snapshots.sides import Reopen, Sides
from keyturn.emails.studio.rendering.template_errors import Fault, fault_of_template
from keyturn.emails.workers import LimitExceeded, Limits, Runner
from keyturn.emails.workers.limits import OutOfTime
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Filled, Rendered
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.render import Templates

_MOST = 32
"""How many drawings are kept, for who asks for their lines or for their checks next."""

_TO_EXPLORE = LONGEST + Limits().seconds
"""Seconds for all drawings that values for branches are found by."""


class Timing(NamedTuple):
    """How long a mail took to be drawn, in milliseconds: by the template `engine`, which is Jinja most times."""

    jinja: float
    mjml: float
    engine: str = "Jinja"


@dataclass(frozen=True, slots=True)
class Order:
    """Says what to draw. `number` is another one for each drawing, `language` a tag, `direction` as in a view."""

    number: int
    template: str
    files: MailFiles
    sample: Sample
    language: str
    direction: str
    brand: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of an order: a mail, or a fault, which a limit may have brought about.

    `elsewhere` are the files outside the folders that the mail is made of, where an app's own loader looks, too.
    """

    mail: Rendered | None = None
    timing: Timing | None = None
    elsewhere: tuple[FileState, ...] = ()
    fault: Fault | None = None
    exceeded: bool = False


class Drawer:
    """Draws mails of a gallery, one at a time. `reopen` opens it as it was at another commit, for `sides`."""

    def __init__(self, gallery: Gallery, reopen: Reopen | None = None) -> None:
        self.gallery = gallery
        self.sides = Sides(gallery, reopen)
        self._as_sent = gallery.renderers(with_lenient_filters)
        self._traced = gallery.renderers(with_lenient_origins)
        self._strict = gallery.renderers()
        self._sent: FIFOCache[int, tuple[Filled, Rendered]] = FIFOCache(_MOST)
        self._documents: FIFOCache[int, Document] = FIFOCache(_MOST)

    def branches(self, template: str) -> BranchReport | None:
        """Return what is known of the branches of a template, with values for those that no sample takes."""
        with self.gallery.one_look():
            return self.gallery.branches(template)

    def draw(self, order: Order) -> Drawn:
        """Draw the mail as the one that is sent is drawn. Raises LookupError where there is no such brand."""
        templates = self._as_sent(order.sample, order.brand).with_files(lambda _: order.files)
        language, start = self._language(order), perf_counter()
        try:
            filled = templates.fill(order.template, order.sample.values, language)
            require_sendable(filled, order.files, templates.folders)
            between = perf_counter()
            mail = templates.compile(order.template, filled)
        except TemplateInvalid as error:
            with self.gallery.one_look():
                fault = fault_of_template(error, self.gallery, order.template, order.sample)
            return Drawn(fault=fault, exceeded=bool(limit_of(error.__cause__)))
        name = templates.engine.name if templates.engine else "Jinja"
        timing = Timing((between - start) * 1000, (perf_counter() - between) * 1000, name)
        self._sent[order.number] = filled, mail
        return Drawn(mail, timing, tuple(_states_elsewhere(templates, language)))

    def document(self, order: Order) -> Document:
        """Return the mail with the places in the templates that it comes from. Raises as `read_document` does."""
        if order.number not in self._documents:
            templates = self._traced(order.sample, order.brand).with_files(lambda _: order.files)
            sent = self._sent.pop(order.number, None)
            self._documents[order.number] = read_document(
                templates, order.template, order.sample, self._language(order), sent
            )
        return self._documents[order.number]

    def render(self, order: Order) -> Rendered:
        """Return the mail as the app sends it, which knows all of its filters. Raises TemplateInvalid, OutOfTime."""
        templates = self._strict(order.sample, order.brand).with_files(lambda _: order.files)
        try:
            filled = templates.fill(order.template, order.sample.values, self._language(order))
        except TemplateInvalid as error:
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            raise
        require_sendable(filled, order.files, templates.folders)
        return templates.compile(order.template, filled)

    def _language(self, order: Order) -> Language:
        return self.gallery.languages.choose(order.language).in_direction(order.direction)


def with_bounded_branches(gallery: Gallery, runner: Runner[Drawer]) -> Gallery:
    """Return the gallery with its branches looked for by a worker; nothing is found where that takes too much."""

    def explore(template: str) -> BranchReport | None:
        try:
            return runner.run_for(_TO_EXPLORE, Drawer.branches, template)
        except LimitExceeded:
            return None

    return replace(gallery, explorer=explore)


def _states_elsewhere(templates: Templates, language: Language) -> Iterable[FileState]:
    for template in (templates.environment(language).cache or {}).values():
        file = template.filename or ""
        if not file or Path(file) not in templates.folders:
            yield state_of(file) if file else ("", 0, 0)
