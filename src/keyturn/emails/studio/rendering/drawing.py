"""Mails drawn by the renderers, within limits: their state, the orders that they get, and their answers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from cachetools import FIFOCache

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.branches.report import BranchReport
from keyturn.emails.gallery.branches.search import LONGEST
from keyturn.emails.gallery.discovery import FileState, state_of
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.sizes import require_sendable
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.finding import limit_of
from keyturn.emails.lint.source.unknown_filters import with_lenient_origins
from keyturn.emails.renderers import LimitExceeded, Limits, Runner
from keyturn.emails.renderers.limits import OutOfTime
from keyturn.emails.snapshots import MailName
from keyturn.emails.snapshots.revisions import Mail, MailStopped, MovedFolder, NotListed, Reopen, sides_of
from keyturn.emails.studio.rendering.faults import RenderFault, fault_of_limit, fault_of_template
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Filled, Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.render import Templates

_MOST = 32
"""The number of kept drawings, for later requests for their lines or their checks."""

_TO_EXPLORE = LONGEST + Limits().seconds
"""Seconds for all drawings of a search for branches."""


class Timing(NamedTuple):
    """How long a mail took to render, in milliseconds. `engine`: the template engine, usually Jinja."""

    jinja: float
    mjml: float
    engine: str = "Jinja"


@dataclass(frozen=True, slots=True)
class Order:
    """What to draw. `number`: another one for each drawing. `language`: a tag. `direction`: as in a view."""

    number: int
    template: str
    files: MailFiles
    sample: Sample
    language: str
    direction: str
    brand: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """The outcome of an order. `elsewhere`: files outside the folders, where the loader of an app looks, too."""

    mail: Rendered | None = None
    timing: Timing | None = None
    elsewhere: tuple[FileState, ...] = ()
    fault: RenderFault | None = None
    exceeded: bool = False


class Drawer:
    """Draws mails of a gallery, one at a time. `reopen` opens the gallery at another commit, for `side`."""

    def __init__(self, gallery: Gallery, reopen: Reopen | None = None) -> None:
        self.gallery = gallery
        self.side = sides_of(gallery, reopen)
        self._as_sent = gallery.renderers(with_lenient_filters)
        self._traced = gallery.renderers(with_lenient_origins)
        self._strict = gallery.renderers()
        self._sent: FIFOCache[int, tuple[Filled, Rendered]] = FIFOCache(_MOST)
        self._documents: FIFOCache[int, Document] = FIFOCache(_MOST)

    def branches(self, template: str) -> BranchReport | None:
        with self.gallery.one_look():
            return self.gallery.branches(template)

    def draw(self, order: Order) -> Drawn:
        """Draw the mail as it is sent. Raises LookupError for an unknown brand."""
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
        """Return the mail with the places of its parts in the templates. Raises as `read_document` does."""
        if order.number not in self._documents:
            templates = self._traced(order.sample, order.brand).with_files(lambda _: order.files)
            sent = self._sent.pop(order.number, None)
            self._documents[order.number] = read_document(
                templates, order.template, order.sample, self._language(order), sent
            )
        return self._documents[order.number]

    def render(self, order: Order) -> Rendered:
        """Return the mail as the app sends it, with only known filters. Raises TemplateInvalid, OutOfTime."""
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
    """Return the gallery with a renderer that searches for branches; a search that takes too much finds none."""

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


_TOGETHER = 40
"""Mails of one request: a renderer looks at the folder once for them, within the limits of one mail."""

_ENOUGH = 3
"""After so many stopped templates, the others are not tried."""


class BoundedSides:
    """Has mails of other commits drawn within the limits of mails. A template beyond its limits is a fault."""

    def __init__(self, runner: Runner[Drawer]) -> None:
        self._runner = runner

    def names(self, there: MovedFolder | None) -> list[MailName]:
        try:
            return self._runner.run(_names, there)
        except LimitExceeded as exceeded:
            what = "of that commit" if there else "of the working tree"
            raise NotListed(f"The mails {what} cannot be listed: this takes too much time or memory.") from exceeded

    def mails(self, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]:
        drawn: dict[MailName, Mail] = {}
        for start in range(0, len(names), _TOGETHER):
            together = names[start : start + _TOGETHER]
            try:
                drawn |= self._runner.run(_mails, there, together)
            except LimitExceeded:
                for those in _by_template(together):
                    stopped = {name.template for name, mail in drawn.items() if isinstance(mail, MailStopped)}
                    drawn |= self._of_template(there, those, stopped)
        return drawn

    def _of_template(
        self, there: MovedFolder | None, names: Sequence[MailName], stopped: set[str]
    ) -> dict[MailName, Mail]:
        template = names[0].template
        if template in stopped:
            return dict.fromkeys(
                names, MailStopped(template, None, "another sample of the template takes too much time or memory")
            )
        if len(stopped) >= _ENOUGH:
            why = f"it was not rendered, because {_ENOUGH} templates already took too much time or memory"
            return dict.fromkeys(names, MailStopped(template, None, why))
        try:
            return self._runner.run(_mails, there, names)
        except LimitExceeded as exceeded:
            fault = fault_of_limit(exceeded.limit, template)
            return dict.fromkeys(names, MailStopped(template, None, fault.message))


def _names(drawer: Drawer, there: MovedFolder | None) -> list[MailName]:
    return drawer.side(there).names()


def _mails(drawer: Drawer, there: MovedFolder | None, names: Sequence[MailName]) -> dict[MailName, Mail]:
    return drawer.side(there).mails(names)


def _by_template(names: Sequence[MailName]) -> Iterator[list[MailName]]:
    for template in dict.fromkeys(name.template for name in names):
        yield [name for name in names if name.template == template]
