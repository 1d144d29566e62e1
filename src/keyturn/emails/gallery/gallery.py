"""What there is to show: the mails of a folder, their samples, and the files that they share."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from jinja2 import Environment

from keyturn.emails.gallery.branches.report import PREFIX, BranchReport
from keyturn.emails.gallery.configuration import MailSettings
from keyturn.emails.gallery.discovery import Discovery, Found, Patterns
from keyturn.emails.gallery.file_states import state_of
from keyturn.emails.gallery.placeholders.guessed_values import guess
from keyturn.emails.gallery.renderers import Renderers
from keyturn.emails.gallery.samples import hostile
from keyturn.emails.gallery.samples.files import Listings, Written, find_samples, fit_samples
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.emails.gallery.sizes import require_readable
from keyturn.emails.gallery.variables.variables import Variable
from keyturn.errors import TemplateInvalid
from keyturn.languages import Languages
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.folders import Folders
from keyturn.mail.rendering.jinja_cache import SharedBytecodeCache
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.plain_files import leads_out, read_plain_text

T = TypeVar("T")

GUESSED = "guessed"
"""The name of the sample of a template that has none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A mail in the list. `guessed`: nobody has written samples of it. `unreadable`: those that are there are.

    `hostile` samples are made from its first one; `branches` were found, as far as anybody asked (`Gallery.branches`).
    """

    name: str
    samples: tuple[str, ...]
    hostile: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    guessed: bool = False
    unreadable: bool = False


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Looks at the folder anew each time it is asked, so it is never out of date; `one_look` groups questions.

    `props` are the typed props by template; a template without any is given the plain values of its samples, and where
    it has none either, values by the names that it prints. `brands` are the globals of other brands by their names.
    `samples_folder` is one more for samples. `mails` is what is set about single ones, by name. `find_variables` reads
    what is no Jinja. `finds_branches`: values are found for branches that samples leave out, by `explorer` if bounded.
    """

    templates: Templates
    languages: Languages
    props: Mapping[str, type[EmailProps]] = field(default_factory=dict)
    brands: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    patterns: Patterns = field(default_factory=Patterns)
    samples_folder: Path | None = None
    finds_branches: bool = True
    explorer: Callable[[str], BranchReport | None] | None = None
    mails: Mapping[str, MailSettings] = field(default_factory=dict)
    find_variables: Callable[[Sequence[str]], Mapping[str, Variable]] | None = None

    @property
    def audits(self) -> Mapping[str, str]:
        """The audits that mails declare, by name: in their props, or in what is set, which counts."""
        by_props = {name: props.audit for name, props in self.props.items() if props.audit}
        return by_props | {name: mail.audit for name, mail in self.mails.items() if mail.audit}

    @property
    def is_foreign(self) -> bool:
        """Whether the folder may be a stranger's: nobody has said that it is trusted."""
        return self.patterns.bounds is not None

    @property
    def folder(self) -> Path:  # where what is new is written
        return self.templates.folder

    @property
    def folders(self) -> Folders:
        return self.templates.folders

    @property
    def watched_folders(self) -> list[Path]:
        """The folders that all that is shown comes from."""
        folder = self.folder.resolve()
        beneath = self.folders.all[1:]
        beside = [folder.parent / "samples", self.samples_folder, *beneath, *self.languages.catalogues.folders]
        there = (other.resolve() for other in beside if other and other.is_dir())
        return [folder, *sorted({other for other in there if not other.is_relative_to(folder)})]

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Answer all questions of this context from one look at the folder, which begins now.

        A page asks for every template several times, and a folder may hold hundreds of files.
        """
        token = _LOOK.set(Look(self, self._discovery.look()))
        try:
            yield
        finally:
            _LOOK.reset(token)

    def names(self) -> list[str]:
        return list(self._current_look().mails)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Files and folders that are not read, and why not."""
        return self._current_look().left_out

    def entries(self) -> list[Entry]:
        with self.one_look():
            return [self._entry(name) for name in self.names()]

    def files(self, name: str) -> MailFiles:
        """Return the files of a mail. Raises LookupError where there is no such template."""
        try:
            return self._current_look().mails[name]
        except KeyError:
            raise LookupError(f"There is no template called {name}.") from None

    def samples(self, name: str) -> Mapping[str, Sample]:
        """Return the samples of a mail by name.

        Raises LookupError where there is no such template, TemplateInvalid where its samples cannot be read, or its
        files are too large to be.
        """
        require_readable(self.folders / file for file in self.files_of(name))
        known = self._written_samples(name)
        if known or name in self.props:
            return known
        return {GUESSED: Sample(GUESSED, self._guess_values(name), "guessed")}

    def sample(self, name: str, sample: str) -> Sample:
        """Return one sample of a mail, also one that is made to try it. Raises LookupError, TemplateInvalid."""
        samples = self.samples(name)
        if sample.startswith(PREFIX) and (report := self.branches(name)):
            samples = {found.name: found for found in report.samples}
        if sample.startswith(hostile.PREFIX) and samples:
            first = next(iter(samples.values()))
            samples = {made.name: made for made in hostile.hostile_samples(first, self.props.get(name))}
        if sample not in samples:
            raise LookupError(f"{name} has no sample called {sample}.")
        return samples[sample]

    def variables(self, name: str) -> Mapping[str, Variable]:
        """Return what the templates of a mail are given, as far as they tell. Raises LookupError."""
        return self._while_unchanged(name, "variables", lambda: self.variables_in([*filter(None, self.files(name))]))

    def variables_in(self, files: Sequence[str]) -> Mapping[str, Variable]:
        """Return what files of the folder are given, with all that they bring in."""
        from keyturn.emails.gallery.variables.usage import find_variables

        environment = self.templates.environment(self.languages.choose(""))
        return self.find_variables(files) if self.find_variables else find_variables(files, environment)

    def branches(self, name: str) -> BranchReport | None:
        """Return what is known of the branches of a mail: values are found for those that no sample takes.

        It is kept while neither templates nor samples change, and takes up to some seconds of a processor before. None
        where branches are not looked for, and where the mail has no samples that can be read. Raises LookupError.
        """
        from keyturn.emails.gallery.branches.mails import explore_mail

        samples = self._samples_or_none(name)
        if not (self.finds_branches and samples):
            return None
        state = (*self._states_of(name), *samples.values())
        if self._branches.get(name, (None, None))[0] != state:
            report = self.explorer(name) if self.explorer else explore_mail(self, name, samples, self._compiled)
            self._branches[name] = state, report
        return self._branches[name][1]

    def known_branches(self, name: str) -> BranchReport | None:
        """Return what was found when somebody asked last, without looking for anything."""
        return self._branches.get(name, (None, None))[1]

    def shared_files(self) -> list[str]:
        """Return the files that mails share, layouts and partials, as templates refer to them."""
        return self._current_look().shared

    def source(self, file: str) -> str:
        """Return a file of the folder, as templates refer to it. What is not UTF-8 in it shows as U+FFFD.

        Raises OSError where it cannot be read, or is a link that leads out of a foreign folder: the link may be what a
        finding is about.
        """
        path = self.folders / file
        if leads_out(path, self.patterns.bounds) and leads_out(path, path):
            raise OSError(f"{file} is a link that leads out of the folder")
        return re.sub(r"\r\n?", "\n", read_plain_text(path, errors="replace"))

    def users(self, shared: str) -> list[str]:
        """Return the mails that refer to a shared file, also through another one."""
        found = self._current_look()
        return [name for name, files in found.mails.items() if shared in found.reached_from(files)]

    def files_of(self, name: str) -> list[str]:
        """Return the files that a mail is made of, its own first. Raises LookupError."""
        return self._current_look().reached_from(self.files(name))

    def renderers(self, prepare: Callable[[Environment], Environment] | None = None) -> Renderers:
        """Return what gives a sample its templates; `prepare` is done to each Jinja environment."""
        prepare = prepare or (lambda environment: environment)
        return Renderers(self.templates.with_files(self.files), self.brands, prepare)

    def _entry(self, name: str) -> Entry:
        try:
            known = tuple(self._written_samples(name))
            guessed = not known and name not in self.props
            samples = (GUESSED,) if guessed else known
            report = self.known_branches(name)
            branches = tuple(sample.name for sample in report.samples) if report else ()
            return Entry(name, samples, hostile.NAMES if samples else (), branches, guessed=guessed)
        except TemplateInvalid:
            return Entry(name, (), unreadable=True)

    def _written_samples(self, name: str) -> Mapping[str, Sample]:
        """Return the samples that somebody has written. Raises LookupError, TemplateInvalid."""
        look = _LOOK.get()
        if look is None or look.gallery is not self:
            return self._read_samples(name, Listings())
        if name not in look.samples:
            look.samples[name] = self._read_samples(name, look.listings)
        return look.samples[name]

    def _read_samples(self, name: str, listings: Listings) -> Mapping[str, Sample]:
        written: dict[str, Written] = {}
        for folder in reversed(self.folders.all):
            markup, printed_names = self.files(name).markup, lambda: self.variables(name)
            written |= find_samples(
                folder,
                name,
                markup,
                elsewhere=self.samples_folder,
                printed_names=printed_names,
                listings=listings,
                bounds=self.patterns.bounds,
            )
        props = self.props.get(name)
        if props is None:
            return {one: Sample(one, sample.values, origin=self._origin_of(sample)) for one, sample in written.items()}
        return {
            one: Sample(one, msgspec.structs.asdict(typed), "typed", self._origin_of(written[one]))
            for one, typed in fit_samples(written, props).items()
        }

    def _guess_values(self, name: str) -> Mapping[str, Any]:
        return deepcopy(self._while_unchanged(name, "guess", lambda: guess(self.variables(name), name)))

    def _while_unchanged(self, name: str, what: str, make: Callable[[], Mapping[str, T]]) -> Mapping[str, T]:
        """Return what `make` made of the files of a mail, until one of them changes."""
        state = self._states_of(name)
        if self._results.get((name, what), ((), {}))[0] != state:
            self._results[name, what] = state, make()
        return self._results[name, what][1]

    def _states_of(self, name: str) -> tuple[object, ...]:
        return tuple(state_of(str(self.folders / file)) for file in self.files_of(name))

    def _samples_or_none(self, name: str) -> Mapping[str, Sample]:
        try:
            return self.samples(name)
        except TemplateInvalid:
            return {}

    @cached_property
    def _branches(self) -> dict[str, tuple[tuple[object, ...] | None, BranchReport | None]]:
        return {}

    @cached_property
    def _compiled(self) -> SharedBytecodeCache:
        return SharedBytecodeCache(most=64)  # layouts and partials, which many mails have

    @cached_property
    def _results(self) -> dict[tuple[str, str], tuple[tuple[object, ...], Mapping[str, Any]]]:
        return {}

    def _origin_of(self, sample: Written) -> str:
        file = Path(os.path.relpath(sample.file, self.folder)).as_posix()
        return f"{file}:{sample.line}" if sample.line else file

    def _current_look(self) -> Found:
        look = _LOOK.get()
        return look.found if look is not None and look.gallery is self else self._discovery.look()

    @cached_property
    def _discovery(self) -> Discovery:
        return Discovery(self.folder, self.patterns, *self.folders.all[1:])


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in a folder at one moment, and the samples that were read since."""

    gallery: Gallery
    found: Found
    samples: dict[str, Mapping[str, Sample]] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)


_LOOK: ContextVar[Look | None] = ContextVar("look", default=None)
