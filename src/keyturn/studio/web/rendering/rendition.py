"""The mail of a view, rendered once for all requests (the page, its frame, its lines and its
checks), within limits.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cachetools import FIFOCache
from msgspec import Struct, field

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.branches.exploration import LONGEST, Passes
from keyturn.studio.gallery.discovery import FileState, is_unchanged, state_of
from keyturn.studio.gallery.gallery import Fingerprint, fingerprints
from keyturn.studio.gallery.naming import ending_of
from keyturn.studio.lint.document import Document, read_document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.guard import first_mistake_in, guard
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.lint.source.broken_templates import explain, explain_samples
from keyturn.studio.lint.source.origins import going_on, with_lenient_origins
from keyturn.studio.renderers import LimitExceeded, Limits, Runner
from keyturn.studio.web.data import CurrentData, current_data
from keyturn.studio.web.rendering.latest_values import LatestValues
from keyturn.studio.web.view import View

T = TypeVar("T")

_MOST_RENDERED = 32  # kept renderings, for later requests for their lines or their checks

_TO_EXPLORE = LONGEST + Limits().seconds  # seconds for all passes through the branches of a mail


_NUMBERS = count(1)


class Order(Struct, frozen=True):
    """What to render. `language`: a tag. `number`: another one for each rendering."""

    template: str
    files: MailFiles
    sample: Sample
    language: str
    brand: str = ""
    number: int = field(default_factory=_NUMBERS.__next__)


class RenderingOutcome(Struct, frozen=True):
    """The outcome of an order.

    `elsewhere`: files outside the folders, where the loader of an app looks, too.
    """

    mail: Rendered | None = None
    elsewhere: tuple[FileState, ...] = ()
    fault: Finding | None = None


class MailRenderer:
    """Renders mails of a gallery, one at a time.

    `traced`: its templates with origins, for pictures and checks.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery = going_on(gallery)
        self.traced = gallery.sample_templates(with_lenient_origins)
        self._documents: FIFOCache[int, Document] = FIFOCache(_MOST_RENDERED)

    def branches(self, template: str) -> Passes | None:
        with self.gallery.one_look():
            return self.gallery.branches(template)

    def warm_up(self) -> None:
        """Render the first mail, so that the next one finds modules and layouts loaded.

        Raises what it raises.
        """
        template = next(iter(self.gallery.names()), None)
        if template is None:
            return
        sample = next(iter(self.gallery.samples(template).values()), None)
        if sample:
            self.document(Order(template, self.gallery.files(template), sample, "", number=0))

    def render_or_explain(self, order: Order) -> RenderingOutcome:
        """Render the mail as it is sent, or say what is wrong with it.

        Raises LookupError for an unknown brand.
        """
        try:
            document = self.document(order)
            if document.missing:
                raise document.missing[0]
        except TemplateInvalid as error:
            with self.gallery.one_look():
                return RenderingOutcome(fault=explain(error, self.gallery, order.sample))
        if document.refusal:
            return RenderingOutcome(fault=self._refusal(order, document))
        templates = self.traced(order.sample, order.brand)
        elsewhere = tuple(_states_elsewhere(templates, document.language))
        return RenderingOutcome(document.mail, elsewhere)

    def _refusal(self, order: Order, document: Document) -> Finding:
        """Return the mistake for which the compiler refuses a mail: in the tags of one file, or
        else of the whole.
        """
        with self.gallery.one_look():
            for file in self.gallery.files_of(order.template):
                if ending_of(file) == ".mjml":
                    mistake = first_mistake_in(file, self.gallery.source(file))
                    if mistake:
                        return mistake
            return next(mistake for mistake in guard(document) if mistake.severity == "error")

    def document(self, order: Order) -> Document:
        """Return the mail with the places of its parts in the templates.

        Raises as `read_document` does.
        """
        if order.number not in self._documents:
            templates = self.traced(order.sample, order.brand).with_files(lambda _: order.files)
            language = self.gallery.languages.choose(order.language)
            self._documents[order.number] = read_document(
                templates, order.template, order.sample, language
            )
        return self._documents[order.number]

    def read(self, order: Order, read: Callable[..., T], *args: Any) -> T | None:
        """Return what a function reads of the mail with its places, or None if the mail cannot be
        rendered.
        """
        try:
            document = self.document(order)
        except TemplateInvalid:
            # A save broke it since; the page reports that when it is rendered again.
            return None
        return read(document, *args) if document.mail.html else None

    def render(self, order: Order) -> Rendered:
        """Return the mail as the app sends it, as `Gallery.render` does."""
        return self.gallery.render(
            order.template, order.files, order.sample, order.language, order.brand
        )


def with_bounded_branches(gallery: Gallery, runner: Runner[MailRenderer]) -> Gallery:
    """Return the gallery with a renderer that explores branches; what takes too long finds none."""

    def explore(template: str) -> Passes | None:
        try:
            return runner.run_for(_TO_EXPLORE, MailRenderer.branches, template)
        except LimitExceeded:
            return None

    return gallery.but(explorer=explore)


def _states_elsewhere(templates: Templates, language: Language) -> Iterable[FileState]:
    cached = templates.environment(language).cache or {}
    for template in cached.values():
        file = template.filename or ""
        if any(Path(file).is_relative_to(folder) for folder in templates.folders.all):
            continue
        if file:
            yield state_of(file)
        else:
            yield ("", 0, 0)  # of no file


_MOST = 200  # last good mails, some megabytes: as many as a contact sheet shows


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendition:
    """The mail of a view, as it is sent; with a `fault`, the last that could be rendered.

    Threads may share it.

    `view`: what the mail is made from, with the sample and the language named.
    `data`: None if the samples are `unreadable`. Then the view names the requested sample, or the
    last rendered one.
    `fingerprint`: that of the mail's files. `elsewhere`: its files outside the folders.
    `order`: names the mail in requests to the `runner`. None if there is nothing to render.
    """

    template: str
    view: View
    language: Language
    fingerprint: Fingerprint
    runner: Runner[MailRenderer]
    data: CurrentData | None = None
    mail: Rendered | None = None
    fault: Finding | None = None
    unreadable: TemplateInvalid | None = None
    order: Order | None = None
    elsewhere: tuple[FileState, ...] = ()

    @property
    def exceeded(self) -> bool:
        """Whether rendering passed a limit."""
        return self.fault is not None and self.fault.group == "limits"

    def is_as(self, wanted: "Rendition") -> bool:
        """Whether rendering `wanted` now would give the same.

        The file that fixes a fault may be unknown.
        """
        if self.fault and not self.exceeded:
            return False
        if self.fingerprint != wanted.fingerprint:
            return False
        if not self.data or not wanted.data:
            return False
        return self.data.sample == wanted.data.sample and is_unchanged(self.elsewhere)

    def read(self, read: Callable[..., T], *args: Any) -> T | None:
        """Return what a function reads of the mail with its places; None without a mail, or beyond
        a limit.
        """
        if self.order is None or self.fault:
            return None
        try:
            return self.runner.run(MailRenderer.read, self.order, read, *args)
        except LimitExceeded:
            return None


class _LastMail(NamedTuple):
    """The last good mail of a view, and the view with its sample; None if there was none."""

    view: View
    mail: Rendered | None


class Renditions:
    """Renders mails, and keeps the latest until a file changes. Threads may share it."""

    def __init__(self, gallery: Gallery, runner: Runner[MailRenderer] | None = None) -> None:
        self.gallery = gallery
        self.runner = runner or Runner(MailRenderer(gallery))
        self._latest: LatestValues[tuple[str, View], Rendition] = LatestValues(_MOST_RENDERED)
        self._last_good: LatestValues[tuple[str, View], Rendered] = LatestValues(_MOST)
        self._ran_away: LatestValues[str, TemplateInvalid] = LatestValues()
        self._turns: dict[str, threading.Lock] = {}

    def rendition(self, template: str, view: View) -> Rendition:
        """Return the mail of a view, or of the first sample. Raises LookupError."""
        language = self.gallery.languages.choose(view.lang)
        view = view.made_from().to(lang=language.tag)
        # Taken before anything is read: a later change counts next time.
        files = fingerprints(self.gallery).get(template, Fingerprint())
        wanted = Rendition(
            template=template, view=view, language=language, fingerprint=files, runner=self.runner
        )
        try:
            data = current_data(self.gallery, template, view)
        except TemplateInvalid as error:
            last = self._last_mail(template, view)
            return replace(
                wanted,
                view=last.view,
                mail=last.mail,
                fault=explain_samples(error, self.gallery),
                unreadable=error,
            )
        view = view.to(sample=data.sample.name)
        # Requests for the same mail share one rendering, and those for other templates do not wait.
        with self._turns.setdefault(template, threading.Lock()):
            rendition = self._latest.get((template, view))
            wanted = replace(wanted, view=view, data=data)
            if rendition is None or not rendition.is_as(wanted):
                rendition = self._render_anew(wanted, data.sample)
                self._latest.put((template, view), rendition)
            if rendition.mail and not rendition.fault:
                self._last_good.put((template, view.to(edit="")), rendition.mail)
            return rendition

    def _render_anew(self, wanted: Rendition, sample: Sample) -> Rendition:
        view = wanted.view
        files = self.gallery.files(wanted.template)
        order = Order(wanted.template, files, sample, view.lang, view.brand)
        try:
            outcome = self.runner.run(MailRenderer.render_or_explain, order)
        except LimitExceeded as exceeded:
            outcome = RenderingOutcome(fault=limit_finding(exceeded.limit, files.markup))
        mail = outcome.mail or self._last_mail(wanted.template, view).mail
        return replace(
            wanted, order=order, mail=mail, elsewhere=outcome.elsewhere, fault=outcome.fault
        )

    def _last_mail(self, template: str, view: View) -> "_LastMail":
        """Return the last good mail of a sample, whatever the edit; of any sample if the view names
        none.
        """
        wanted = view.to(edit="")
        for (name, seen), mail in reversed(self._last_good.items()):
            if name == template and wanted in (seen, seen.to(sample="")):
                return _LastMail(view.to(sample=seen.sample), mail)
        return _LastMail(view, None)

    def render(self, template: str, files: MailFiles, sample: Sample, language: str) -> Rendered:
        """Return the mail as the app sends it, for its snapshot. Raises TemplateInvalid."""
        order = Order(template, files, sample, language)
        states = frozenset(self.gallery.states_of(template))
        fault = self._ran_away.get(template)
        if fault and not self._ran_away.is_new(template, states):
            raise fault  # each sample in each language would end in the same way
        try:
            return self.runner.run(MailRenderer.render, order)
        except LimitExceeded as exceeded:
            message = limit_finding(exceeded.limit, files.markup).message.removesuffix(".")
            fault = TemplateInvalid(str(self.gallery.folders / files.markup), None, message)
            self._ran_away.put(template, fault, states)
            raise fault from exceeded
