"""A mail of a view, drawn once for all who ask: the page, its frame, the lines that it comes from, and the checks."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.file_states import FileState, is_unchanged, state_of
from keyturn.emails.gallery.fingerprints import Fingerprint, fingerprints
from keyturn.emails.studio.data.current_data import CurrentData, CurrentDataReader
from keyturn.emails.studio.rendering.drawing import Drawer, Order, Timing
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.rendering.template_errors import Fault, fault_of_limit, fault_of_samples
from keyturn.emails.studio.view import View
from keyturn.emails.workers import Here, LimitExceeded, Runner
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.files import MailFiles

T = TypeVar("T")

_MOST = 32
"""How many mails are kept: what somebody goes back and forth between, in some megabytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rendition:
    """A mail as a view asks for it. Threads may share it.

    `view` is what it is made from, with the sample and the language named. `data` is what it is drawn with; None where
    the template has no sample, and where the samples cannot be read: then `unreadable` says why, and the sample is the
    one asked for, else the one that was drawn last.

    `mail` is what is sent; with a `fault`, the last that could be drawn. `exceeded`: it took more than it may.
    `fingerprint` is that of its files, `elsewhere` are those outside the folders. `order` is what a worker is asked
    about it with; None where there is nothing to draw.
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
    order: Order | None = None
    elsewhere: tuple[FileState, ...] = ()
    exceeded: bool = False

    @property
    def sample(self) -> str:
        return self.view.sample

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw: the template has no sample."""
        return self.data is None and self.unreadable is None

    def is_as(self, wanted: "Rendition") -> bool:
        """Whether it would be the same if what is wanted were drawn now."""
        same_data = bool(self.data and wanted.data and self.data.sample == wanted.data.sample)
        same_files = self.fingerprint == wanted.fingerprint
        return same_data and same_files and is_unchanged(self.elsewhere)


class Renditions:
    """Has drawn what is asked for, and keeps the last until one of their files changes. Threads may share it.

    `runner` draws; without one it is done here, where nothing bounds it.
    """

    def __init__(self, gallery: Gallery, runner: Runner[Drawer] | None = None) -> None:
        self.gallery = gallery
        self.data = CurrentDataReader(gallery)
        self.runner = runner or Here(Drawer(gallery))
        self._numbers = count(1)
        self._kept: Kept[tuple[str, View], Rendition] = Kept(_MOST)
        self._last_good: dict[tuple[str, View], Rendered] = {}
        self._ran_away: dict[str, tuple[tuple[FileState, ...], TemplateInvalid]] = {}
        self._one_at_a_time = threading.Lock()
        self._drawing: WeakValueDictionary[tuple[str, View], _Turn] = WeakValueDictionary()

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

    def ask(self, rendition: Rendition, function: Callable[..., T], *args: Any) -> T | None:
        """Return what a function says of a Drawer and an Order; None where nothing is drawn, or a limit is passed."""
        if rendition.order is None or rendition.fault:
            return None
        try:
            return self.runner.run(function, rendition.order, *args)
        except LimitExceeded:
            return None

    def _keep(self, wanted: Rendition, data: CurrentData) -> Rendition:
        """Return what is kept, drawn anew where it may have changed.

        What cannot be drawn is tried each time, unless that takes more than it may.
        """
        key = wanted.template, wanted.view
        with self._turn_of(key).lock:
            kept = self._kept.get(key)
            rendition = kept if kept and kept.is_as(wanted) else self._draw(wanted, data)
            if rendition.exceeded or not rendition.fault:
                self._kept.put(key, rendition)
            else:
                self._kept.forget([key])
            if rendition.mail and not rendition.fault:
                good = wanted.template, _without_edit(wanted.view)
                with self._one_at_a_time:
                    self._last_good.pop(good, None)  # so that the last one drawn is the last one there
                    self._last_good[good] = rendition.mail
        return rendition

    def _turn_of(self, key: tuple[str, View]) -> "_Turn":
        """Return what those share who want the same mail: one has it drawn, and others do not wait for that."""
        with self._one_at_a_time:
            return self._drawing.setdefault(key, _Turn())

    def _draw(self, wanted: Rendition, data: CurrentData) -> Rendition:
        order = self.order(wanted.template, data.sample, wanted.language, wanted.view)
        last = self._last_good.get((wanted.template, _without_edit(wanted.view)))
        try:
            drawn = self.runner.run(Drawer.draw, order)
        except LimitExceeded as exceeded:
            fault = fault_of_limit(exceeded.limit, order.files.markup)
            return replace(wanted, order=order, mail=last, fault=fault, exceeded=True)
        return replace(
            wanted,
            order=order,
            mail=drawn.mail or last,
            timing=drawn.timing,
            elsewhere=drawn.elsewhere,
            fault=drawn.fault,
            exceeded=drawn.exceeded,
        )

    def render(self, template: str, files: MailFiles, sample: Sample, language: Language) -> Rendered:
        """Return the mail as the app sends it, for its snapshot. Raises TemplateInvalid."""
        order = Order(next(self._numbers), template, files, sample, language.tag, "", "")
        states = tuple(state_of(str(self.gallery.folders / file)) for file in self.gallery.files_of(template))
        known, fault = self._ran_away.get(template, ((), None))
        if fault and known == states:  # with each sample in each language it would be the same
            raise fault
        try:
            return self.runner.run(Drawer.render, order)
        except LimitExceeded as exceeded:
            message = fault_of_limit(exceeded.limit, files.markup).message
            fault = TemplateInvalid(str(self.gallery.folders / files.markup), None, message)
            self._ran_away[template] = states, fault
            raise fault from exceeded

    def order(self, template: str, sample: Sample, language: Language, view: View) -> Order:
        files = self.gallery.files(template)
        return Order(next(self._numbers), template, files, sample, language.tag, view.dir, view.brand)

    def _last_mail(self, template: str, view: View) -> tuple[View, Rendered | None]:
        """Return the last good mail of a sample that cannot be read now, of any where the view names none."""
        wanted = _without_edit(view)
        for (name, drawn), mail in reversed(self._last_good.items()):
            if name == template and wanted in (drawn, drawn.to(sample="")):
                return view.to(sample=drawn.sample), mail
        return view, None


def _without_edit(view: View) -> View:
    return view.to(seed=None, edit="")


class _Turn:
    """Whose turn it is to have a mail drawn."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
