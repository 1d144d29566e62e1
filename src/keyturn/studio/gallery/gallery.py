"""The mails of a folder, their samples, the files that they share, and the states of all these
files.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import BaseLoader, Environment, FunctionLoader, Undefined
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
from keyturn.studio.gallery.branches.forcing import Way, on_way, with_forcing
from keyturn.studio.gallery.discovery import (
    FileState,
    FolderContents,
    Patterns,
    contents_of,
    state_of,
)
from keyturn.studio.gallery.environments import Renderers
from keyturn.studio.gallery.naming import require_readable, require_sendable
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
from keyturn.studio.gallery.variables.missing_names import MissingName, StandIn, UndescribedName
from keyturn.studio.gallery.variables.recording_value import Variables
from keyturn.studio.gallery.variables.unpacking import with_shaped_answers
from keyturn.studio.renderers.limits import OutOfTime
from keyturn.values import did_you_mean

T = TypeVar("T")
_UNKNOWN: Mapping[str, type[Undefined]] = {
    "typed": UndescribedName,
    "plain": MissingName,
    "guessed": StandIn,
}

_TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
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


class Draft(Struct, frozen=True):
    file: str
    text: str


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
    _results: dict[tuple[str, str], tuple[Any, Any]] = field(
        default_factory=dict, init=False, compare=False
    )

    @property
    def audits(self) -> Mapping[str, str]:
        return {name: props.audit for name, props in self.props.items() if props.audit}

    @property
    def is_foreign(self) -> bool:
        return self.patterns.bounds is not None

    @property
    def folder(self) -> Path:  # new files are written here
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
        path, folders = Path(file), self.folders.all
        return next(
            (path.relative_to(folder) for folder in folders if path.is_relative_to(folder)), path
        ).as_posix()

    @property
    def watched_folders(self) -> list[Path]:
        folder = self.folder.resolve()
        beneath = self.folders.all[1:]
        beside = [folder.parent / "samples", *beneath, *self.languages.catalogues.folders]
        there = (other.resolve() for other in beside if other.is_dir())
        return [folder, *sorted({other for other in there if not other.is_relative_to(folder)})]

    def one_look(self, look: "Look | None" = None) -> AbstractContextManager[object]:
        """Answer all calls in this context from one look at the folder, which the first of them
        takes.
        """
        return within(_LOOK, look or Look(self))

    def names(self) -> list[str]:
        return list(self._look.contents.mails)

    @property
    def left_out(self) -> Mapping[str, str]:
        return self._look.contents.left_out

    def entries(self) -> list[Entry]:
        with self.one_look(self._look):
            return [self._entry(name) for name in self.names()]

    def files(self, name: str) -> MailFiles:
        mails = self._look.contents.mails
        if name not in mails:
            raise UnknownMail(
                f"There is no template called {name}{did_you_mean(name, mails) or '.'}"
            )
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
        values: Mapping[str, Any] = self._while_unchanged(
            name, "guess", lambda: guess_values(self.variables(name))
        )
        if props := self.props.get(name):
            with suppress(
                Exception
            ):  # types that polyfactory does not know, rules, or a missing package
                values = self._while_unchanged(name, "made up", lambda: made_up(props, values))
        return Sample(GUESSED, deepcopy({**values}), "guessed")

    def sample(self, name: str, sample: str) -> Sample:
        """Return a sample of a mail: written, else hostile or a pass.

        Raises LookupError, TemplateInvalid.
        """
        samples = self.samples(name)
        if sample not in samples and sample.startswith(PREFIX) and (passes := self.branches(name)):
            samples = {one.name: one for one in passes.samples}
        if sample not in samples and sample.startswith(hostile.PREFIX):
            first = next(iter(samples.values()))
            samples = {
                made.name: made for made in hostile.hostile_samples(first, self.props.get(name))
            }
        if sample not in samples:
            raise UnknownMail(
                f"{name} has no sample called {sample}; it has {', '.join(samples) or 'none'}."
            )
        return samples[sample]

    def variables(self, name: str) -> Variables:
        from keyturn.studio.gallery.variables.recorded_rendering import find_variables

        def find() -> Variables:
            files = [*filter(None, self.files(name))]
            if self.templates.engine:
                return self.templates.engine.find_variables(files)
            return find_variables(
                files, self.templates.environment(self.languages.choose("")), self.go_on
            )

        return self._while_unchanged(name, "variables", find)

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
            renderers=self.renderers,
            guess=lambda: self.guessed_sample(name).values,
        )

    def shared_files(self) -> list[str]:
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
        try:
            return self.source(file)
        except OSError:
            return ""

    def states_of_linked(self, walked: "Fingerprint") -> "Fingerprint":
        """Return the states of templates behind links to folders, which no walk follows.

        `walked`: those of others.
        """
        known = {name for name, *_ in walked}
        linked = (file for file in self._look.contents.references if file not in known)
        return frozenset((file, *state_of(str(self.folders / file))[1:]) for file in linked)

    def users(self, shared: str) -> list[str]:
        contents = self._look.contents
        return [
            name for name, files in contents.mails.items() if shared in contents.reached_from(files)
        ]

    def files_of(self, name: str) -> list[str]:
        """Return the files of a mail and all that they use, its own first. Raises LookupError."""
        return self._look.contents.reached_from(self.files(name))

    def renderers(self, prepare: Prepare | None = None, *, is_forcing: bool = False) -> Renderers:
        """Return a function from a sample and a brand to their templates. It raises UnknownMail for
        an unknown brand.

        `prepare` changes each environment. `is_forcing`: samples that force no branches share
        the templates of those that do.
        """

        def prepared(kind: str, forces: bool, environment: Environment) -> Environment:
            if self.draft:
                environment.bytecode_cache = None  # a draft is compiled once, for its author alone
                if environment.loader:
                    file = self.folders / self.draft.file
                    environment.loader = _with_draft(
                        environment.loader, environment, file, self.draft.text
                    )
            environment = prepare(environment) if prepare else environment
            environment = with_forcing(environment) if forces else environment
            environment = with_shaped_answers(environment)
            environment.undefined = _UNKNOWN[kind]
            return environment

        @cache
        def of_kind(kind: str, brand: str, forces: bool) -> Templates:
            if brand and brand not in self.brands:
                raise UnknownMail(f"There is no brand called {brand}.")
            templates = self.templates.with_files(self.files).with_preparation(
                partial(prepared, kind, forces)
            )
            return templates.with_globals(self.brands[brand]) if brand else templates

        def templates_for(sample: Sample, brand: str = "") -> Templates:
            templates = of_kind(sample.kind, brand, is_forcing or bool(sample.forced))
            return (
                replace(templates, around=lambda: on_way(Way(sample.forced)))
                if sample.forced
                else templates
            )

        return templates_for

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
        return replace(self, **changes)

    def _entry(self, name: str) -> Entry:
        try:
            samples = tuple(self._written_samples(name)) or (GUESSED,)
        except TemplateInvalid:
            return Entry(name, (), unreadable=True)
        passes: Passes | None = self._results.get((name, "branches"), ((), None))[1]
        return Entry(
            name, samples, tuple(sample.name for sample in passes.samples) if passes else ()
        )

    def _written_samples(self, name: str) -> Mapping[str, Sample]:
        look = self._look
        if name not in look.samples:
            written: dict[str, WrittenSample] = {}
            for folder in reversed(self.folders.all):
                markup, bounds = self.files(name).markup, self.patterns.bounds
                words = partial(self._words_in_tags, name)
                written |= find_samples(
                    folder, name, markup, names_in=look.names_in, bounds=bounds, words=words
                )
            samples = {one: each.as_sample(one, self.folder) for one, each in written.items()}
            if props := self.props.get(name):
                for one, typed in fit_samples(written, props).items():
                    samples[one] = structs.replace(
                        samples[one], values=structs.asdict(typed), kind="typed"
                    )
            look.samples[name] = samples
        return look.samples[name]

    def _words_in_tags(self, name: str) -> frozenset[str]:
        tags = chain.from_iterable(_TAG.findall(self.text(file)) for file in self.files_of(name))
        return frozenset(word for tag in tags for word in _WORD.findall(tag))

    def _while_unchanged(self, name: str, what: str, make: Callable[[], T], *inputs: object) -> T:
        """Return the result of `make`, kept until the inputs or a file of the mail change."""
        state = (*self.states_of(name), *inputs)
        if self._results.get((name, what), ((), None))[0] != state:
            self._results[name, what] = state, make()
        result: T = self._results[name, what][1]
        return result

    def states_of(self, name: str) -> tuple[FileState, ...]:
        return tuple(state_of(str(self.folders / file)) for file in self.files_of(name))

    @cached_property
    def _strict(self) -> Renderers:
        return self.renderers()

    @cached_property
    def _compiled(self) -> SharedBytecodeCache:
        return SharedBytecodeCache(most=64)  # layouts and partials, which many mails share

    @property
    def _look(self) -> "Look":
        look = _LOOK.get()
        return look if look is not None and look.gallery is self else Look(self)


class Look(Struct, dict=True):
    gallery: Gallery
    samples: dict[str, Mapping[str, Sample]] = {}

    @cached_property
    def contents(self) -> FolderContents:
        return contents_of(self.gallery.folders, self.gallery.patterns)

    @cached_property
    def names_in(self) -> NamesIn:
        return cache(names_in)


_LOOK: ContextVar[Look | None] = ContextVar("look", default=None)


def _with_draft(loader: BaseLoader, environment: Environment, file: Path, text: str) -> BaseLoader:
    def load(name: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, path, is_current = loader.get_source(environment, name)
        is_draft = path and os.path.realpath(path) == os.path.realpath(file)
        return (text, path, None) if is_draft else (source, path, is_current)

    return FunctionLoader(load)


Fingerprint = frozenset[FileState]


def fingerprints(gallery: Gallery) -> Mapping[str, Fingerprint]:
    """Return the fingerprint of each template: all files but those that belong, by their path, to
    others alone.
    """
    own: dict[str, set[FileState]] = {name: set() for name in gallery.names()}
    shared: set[FileState] = set()
    walked = Fingerprint().union(*map(fingerprint, gallery.watched_folders))
    for file in walked | gallery.states_of_linked(walked):
        path = file[0].removeprefix("samples/")
        owners = own.keys() & {path[:at] for at, character in enumerate(path) if character in "/."}
        for files in [own[owner] for owner in owners] or [shared]:
            files.add(file)
    return {name: frozenset(shared | files) for name, files in own.items()}


def fingerprint(folder: Path) -> Fingerprint:
    top = str(folder)
    files = (f"{above}/{name}" for above, _, names in walk(top) for name in names)
    return frozenset(
        (file[len(top) + 1 :].replace(os.sep, "/"), *state_of(file)[1:]) for file in files
    )
