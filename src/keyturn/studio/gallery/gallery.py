"""The mails of a folder, their samples, the files that they share, and the states of all these
files.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct, structs

from keyturn.context_values import within
from keyturn.errors import TemplateInvalid, UnknownMail
from keyturn.mail.languages.language import SOURCE_LANGUAGE, Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.mail.rendering.jinja import SharedBytecodeCache
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.plain_files import leads_out, paths_below, read_plain_text, walk
from keyturn.studio.gallery.branches.exploration import (
    PREFIX,
    ExploredMail,
    Passes,
    explore_mail,
)
from keyturn.studio.gallery.discovery import (
    FileState,
    FolderContents,
    Patterns,
    contents_of,
    state_of,
)
from keyturn.studio.gallery.naming import require_readable, require_sendable
from keyturn.studio.gallery.sample_templates import Draft, SampleTemplates
from keyturn.studio.gallery.samples import Sample, hostile
from keyturn.studio.gallery.samples.files import (
    NamesIn,
    WrittenSample,
    find_samples,
    fit_samples,
    names_in,
)
from keyturn.studio.gallery.syntax_trees import Prepare
from keyturn.studio.gallery.variables.guessed_values import guess_values, made_up
from keyturn.studio.gallery.variables.recording_value import Variables
from keyturn.studio.renderers.limits import OutOfTime
from keyturn.values import did_you_mean

T = TypeVar("T")
_TAG = re.compile(r"\{[{%](?:(?![%}]\}|\{[{%]).)*", re.DOTALL)  # up to its end, or the next one
_WORD = re.compile(r"[^\W\d]\w*")

GUESSED = "guessed"  # the name of the guessed sample of a template without samples


class Entry(Struct, frozen=True):
    """A mail in the list.

    `branches`: names of known passes. `unreadable`: its samples cannot be read.
    """

    name: str
    samples: tuple[str, ...]
    branches: tuple[str, ...] = ()
    unreadable: bool = False


class _Kept(NamedTuple):
    """A result, and the states of what it was made from."""

    state: tuple[object, ...]
    result: Any


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The mails of a folder. It reads the folder on each call; `one_look` groups calls.

    `brands`: globals by the name of a brand. `finds_branches`: forces the branches that samples
    leave out. `explorer`: finds them within limits.
    `go_on`: makes an environment that goes on at faults. `draft`: the text of one file, in place of
    that on the disk.
    """

    templates: Templates
    languages: Languages
    props: Mapping[str, type[EmailProps]] = field(default_factory=dict)
    brands: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    patterns: Patterns = field(default_factory=Patterns)
    finds_branches: bool = True
    explorer: Callable[[str], Passes | None] | None = None
    go_on: Prepare | None = None
    draft: Draft | None = None
    # By the name of a mail, and a word for the result.
    _results: dict[tuple[str, str], _Kept] = field(default_factory=dict, init=False, compare=False)

    @property
    def audits(self) -> Mapping[str, str]:
        """The stricter checks that the props of mails ask for, by the name of the mail."""
        return {name: props.audit for name, props in self.props.items() if props.audit}

    @property
    def is_foreign(self) -> bool:
        """Whether nobody vouches for the folder, so that its links and templates have bounds."""
        return self.patterns.bounds is not None

    @property
    def folder(self) -> Path:
        """The folder into which new files are written."""
        return self.templates.folder

    @property
    def folders(self) -> Folders:
        return self.templates.folders

    def paths(self) -> Iterator[Path]:
        return chain.from_iterable(map(paths_below, self.folders.all))

    def name_of(self, file: Path | str) -> str:
        """Return a file's name as templates refer to it; its whole path if it is outside of the
        folders.
        """
        path = Path(file)
        for folder in self.folders.all:
            if path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return path.as_posix()

    @property
    def watched_folders(self) -> list[Path]:
        """The folders whose files decide how mails look: none of them lies in another."""
        folder = self.folder.resolve()
        beneath = self.folders.all[1:]
        elsewhere: set[Path] = set()
        for other in (folder.parent / "samples", *beneath, *self.languages.catalogues.folders):
            if other.is_dir() and not other.resolve().is_relative_to(folder):
                elsewhere.add(other.resolve())
        return [folder, *sorted(elsewhere)]

    def one_look(self, look: "Look | None" = None) -> AbstractContextManager[object]:
        """Answer all calls in this context from one look at the folder, which the first of them
        takes.
        """
        return within(_LOOK, look or Look(self))

    def names(self) -> list[str]:
        """Return the names of the mails in alphabetical order."""
        return list(self._look.contents.mails)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Reasons why files of the folder are no mails, by relative paths."""
        return self._look.contents.left_out

    def entries(self) -> list[Entry]:
        """Return the mails in alphabetical order, with the passes that are known so far."""
        with self.one_look(self._look):
            return [self._entry(name) for name in self.names()]

    def files(self, name: str) -> MailFiles:
        """Return the markup, text part and subject of a mail. Raises UnknownMail, a LookupError."""
        mails = self._look.contents.mails
        if name not in mails:
            hint = did_you_mean(name, mails) or "."
            raise UnknownMail(f"There is no template called {name}{hint}")
        return mails[name]

    def samples(self, name: str) -> Mapping[str, Sample]:
        """Return the samples of a mail.

        Raises LookupError, and TemplateInvalid for unreadable or too large files.
        """
        require_readable(self.folders / file for file in self.files_of(name))
        return self._written_samples(name) or {GUESSED: self.guessed_sample(name)}

    def guessed_sample(self, name: str) -> Sample:
        """Return values that a mail could have, by the types of its props or its templates.

        Raises LookupError.
        """

        def guess() -> Mapping[str, Any]:
            return guess_values(self.variables(name))

        values = self._while_unchanged(name, "guess", guess)
        props = self.props.get(name)
        if props:
            # Types that polyfactory does not know, rules of an app, or a missing package.
            with suppress(Exception):
                values = self._while_unchanged(name, "made up", partial(made_up, props, values))
        return Sample(GUESSED, deepcopy({**values}), "guessed")

    def sample(self, name: str, sample: str) -> Sample:
        """Return a sample of a mail: written, else hostile or a pass.

        Raises LookupError, TemplateInvalid.
        """
        samples = self.samples(name)
        if sample not in samples:
            samples = {made.name: made for made in self._made_like(name, sample)} or samples
        if sample not in samples:
            known = ", ".join(samples) or "none"
            raise UnknownMail(f"{name} has no sample called {sample}; it has {known}.")
        return samples[sample]

    def _made_like(self, name: str, sample: str) -> Sequence[Sample]:
        """Return the samples that Keyturn makes under such a name."""
        if sample.startswith(hostile.PREFIX):
            first = next(iter(self.samples(name).values()))
            return hostile.hostile_samples(first, self.props.get(name))
        if sample.startswith(PREFIX):
            passes = self.branches(name)
            if passes:
                return passes.samples
        return ()

    def variables(self, name: str) -> Variables:
        """Return the variables of a mail by name. Raises LookupError."""
        return self._while_unchanged(name, "variables", partial(self._find_variables, name))

    def _find_variables(self, name: str) -> Variables:
        from keyturn.studio.gallery.variables.recorded_rendering import find_variables

        files = [*filter(None, self.files(name))]
        if self.templates.engine:
            return self.templates.engine.find_variables(files)
        environment = self.templates.environment(self.languages.choose(""))
        return find_variables(files, environment, self.go_on)

    def branches(self, name: str) -> Passes | None:
        """Return the passes through a mail, None if none are wanted or its samples unreadable.

        Raises LookupError.
        """
        if not self.finds_branches:
            return None
        try:
            samples = self.samples(name)
        except TemplateInvalid:
            return None

        def explore() -> Passes | None:
            if self.explorer:
                return self.explorer(name)
            return explore_mail(self._explored_mail(name), samples, self._compiled)

        return self._while_unchanged(name, "branches", explore, *samples.values())

    def _explored_mail(self, name: str) -> ExploredMail:
        language = self.languages.choose(SOURCE_LANGUAGE)
        return ExploredMail(
            name,
            language,
            texts={file: self.text(file) for file in self.files_of(name)},
            environment=self.templates.environment(language),
            go_on=self.go_on,
            sample_templates=self.sample_templates,
            guess=lambda: self.guessed_sample(name).values,
        )

    def shared_files(self) -> list[str]:
        """Return the layouts and parts that mails share, in alphabetical order."""
        return self._look.contents.shared

    def source(self, file: str) -> str:
        """Return the text of a file, U+FFFD for bytes that are not UTF-8.

        Raises OSError, also for a link that leads out of the folder.
        """
        if self.draft and file == self.draft.file:
            return self.draft.text
        path = self.folders / file
        # A finding may name a whole path outside of the folder; only a link that leads out is
        # refused.
        if leads_out(path, self.patterns.bounds) and leads_out(path, path):
            raise OSError(f"{file} is a link that leads out of the folder")
        return re.sub(r"\r\n?", "\n", read_plain_text(path, errors="replace"))

    def text(self, file: str) -> str:
        """Return the text of a file; "" if it cannot be read."""
        try:
            return self.source(file)
        except OSError:
            return ""

    def states_of_linked(self, walked: "Fingerprint") -> "Fingerprint":
        """Return the states of templates behind links to folders, which no walk follows.

        `walked`: those of others.
        """
        known = {name for name, *_ in walked}
        linked: set[FileState] = set()
        for file in self._look.contents.references:
            if file not in known:
                _, changed, size = state_of(str(self.folders / file))
                linked.add((file, changed, size))
        return frozenset(linked)

    def users(self, shared: str) -> list[str]:
        """Return the names of the mails that use a file."""
        contents = self._look.contents
        mails = contents.mails.items()
        return [name for name, files in mails if shared in contents.reached_from(files)]

    def files_of(self, name: str) -> list[str]:
        """Return the files of a mail and all that they use, its own first. Raises LookupError."""
        return self._look.contents.reached_from(self.files(name))

    def sample_templates(
        self, prepare: Prepare | None = None, *, is_forcing: bool = False
    ) -> SampleTemplates:
        """Return the templates for samples.

        `prepare`: changes each environment. `is_forcing`: samples that force no branches share
        the templates of those that do.
        """
        templates = self.templates.with_files(self.files)
        return SampleTemplates(templates, self.brands, self.draft, prepare, is_forcing)

    def render(
        self, name: str, files: MailFiles, sample: Sample, language: str, brand: str = ""
    ) -> Rendered:
        """Return a mail as it is sent, of these files.

        Raises UnknownMail, TemplateInvalid, in a renderer OutOfTime.
        """
        templates = self._strict(sample, brand).with_files(lambda _: files)
        try:
            filled = templates.fill(name, sample.values, self.languages.choose(language))
        except TemplateInvalid as error:
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            raise
        require_sendable(filled, files, self.folders)
        return templates.compile(name, filled)

    def but(self, **changes: Any) -> "Gallery":
        """Return a gallery with other fields, which keeps no results of this one."""
        return replace(self, **changes)

    def _entry(self, name: str) -> Entry:
        try:
            samples = tuple(self._written_samples(name)) or (GUESSED,)
        except TemplateInvalid:
            return Entry(name, (), unreadable=True)
        known = self._results.get((name, "branches"))
        if known is None or known.result is None:
            return Entry(name, samples)
        passes: Passes = known.result
        return Entry(name, samples, tuple(sample.name for sample in passes.samples))

    def _written_samples(self, name: str) -> Mapping[str, Sample]:
        known = self._look.samples
        if name not in known:
            known[name] = self._read_samples(name)
        return known[name]

    def _read_samples(self, name: str) -> Mapping[str, Sample]:
        written: dict[str, WrittenSample] = {}
        for folder in reversed(self.folders.all):
            written |= find_samples(
                folder,
                name,
                self.files(name).markup,
                names_in=self._look.names_in,
                bounds=self.patterns.bounds,
                words=partial(self._words_in_tags, name),
            )
        samples = {one: each.as_sample(one, self.folder) for one, each in written.items()}
        props = self.props.get(name)
        if props:
            for one, typed in fit_samples(written, props).items():
                values = structs.asdict(typed)
                samples[one] = structs.replace(samples[one], values=values, kind="typed")
        return samples

    def _words_in_tags(self, name: str) -> frozenset[str]:
        words: set[str] = set()
        for file in self.files_of(name):
            for tag in _TAG.findall(self.text(file)):
                words.update(_WORD.findall(tag))
        return frozenset(words)

    def _while_unchanged(self, name: str, what: str, make: Callable[[], T], *inputs: object) -> T:
        """Return the result of `make`, kept until the inputs or a file of the mail change."""
        state = (*self.states_of(name), *inputs)
        kept = self._results.get((name, what))
        if kept is None or kept.state != state:
            kept = _Kept(state, make())
            self._results[name, what] = kept
        result: T = kept.result
        return result

    def states_of(self, name: str) -> tuple[FileState, ...]:
        """Return the states of the files of a mail, and of all that they use."""
        return tuple(state_of(str(self.folders / file)) for file in self.files_of(name))

    @cached_property
    def _strict(self) -> SampleTemplates:
        return self.sample_templates()

    @cached_property
    def _compiled(self) -> SharedBytecodeCache:
        return SharedBytecodeCache(most=64)  # layouts and partials, which many mails share

    @property
    def _look(self) -> "Look":
        look = _LOOK.get()
        if look is None or look.gallery is not self:
            return Look(self)
        return look


class Look(Struct, dict=True):
    """What the folder of a gallery holds at one time, as far as it was asked for."""

    gallery: Gallery
    samples: dict[str, Mapping[str, Sample]] = {}

    @cached_property
    def contents(self) -> FolderContents:
        return contents_of(self.gallery.folders, self.gallery.patterns)

    @cached_property
    def names_in(self) -> NamesIn:
        return cache(names_in)


_LOOK: ContextVar[Look | None] = ContextVar("look", default=None)


Fingerprint = frozenset[FileState]


def fingerprints(gallery: Gallery) -> Mapping[str, Fingerprint]:
    """Return the fingerprint of each template: all files but those that belong, by their path, to
    others alone.
    """
    own: dict[str, set[FileState]] = {name: set() for name in gallery.names()}
    shared: set[FileState] = set()
    walked = Fingerprint().union(*map(fingerprint, gallery.watched_folders))
    for state in walked | gallery.states_of_linked(walked):
        owners = own.keys() & _possible_owners(state[0].removeprefix("samples/"))
        for owner in owners:
            own[owner].add(state)
        if not owners:
            shared.add(state)
    return {name: frozenset(shared | states) for name, states in own.items()}


def _possible_owners(path: str) -> Iterator[str]:
    """Yield "news" and "news/june" for "news/june.html"."""
    for at, character in enumerate(path):
        if character in "/.":
            yield path[:at]


def fingerprint(folder: Path) -> Fingerprint:
    """Return the states of all files in a folder, by relative paths."""
    top = str(folder)
    states: set[FileState] = set()
    for above, _, names in walk(top):
        for name in names:
            file, changed, size = state_of(f"{above}/{name}")
            states.add((file[len(top) + 1 :].replace(os.sep, "/"), changed, size))
    return frozenset(states)
