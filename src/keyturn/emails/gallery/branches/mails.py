"""The branches of a mail of a gallery: drawn with Jinja alone, since MJML and HTML decide nothing."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from jinja2 import BytecodeCache, Environment

from keyturn.emails.gallery.branches.exploration import Mail, explore
from keyturn.emails.gallery.branches.points import Branch
from keyturn.emails.gallery.branches.recording import record_branches, with_recording
from keyturn.emails.gallery.branches.report import BranchReport
from keyturn.emails.gallery.branches.search import Drawing
from keyturn.emails.gallery.environments import with_lenient_filters
from keyturn.emails.gallery.placeholders.guessed_values import guess
from keyturn.emails.gallery.placeholders.missing_names import missing_name, note_missing_names
from keyturn.emails.gallery.renderers import Renderers
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.emails.gallery.variables.variables import Variable
from keyturn.emails.workers.limits import OutOfTime
from keyturn.errors import TemplateInvalid
from keyturn.languages import SOURCE_LANGUAGE, Language, Languages
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.render import EmailProps, Templates

_OF_LANGUAGES = frozenset({"lang", "dir"})


class Mails(Protocol):
    """What is asked of a gallery."""

    @property
    def templates(self) -> Templates: ...
    @property
    def languages(self) -> Languages: ...
    @property
    def props(self) -> Mapping[str, type[EmailProps]]: ...
    @property
    def brands(self) -> Mapping[str, Mapping[str, object]]: ...
    def files(self, name: str) -> MailFiles: ...
    def variables(self, name: str) -> Mapping[str, Variable]: ...
    def renderers(self, prepare: Callable[[Environment], Environment] | None = None) -> Renderers: ...


def explore_mail(
    mails: Mails, name: str, samples: Mapping[str, Sample], compiled: BytecodeCache | None = None
) -> BranchReport:
    """Return what is known of the branches of a mail. Raises OutOfTime, as all that is drawn in a worker.

    `compiled` keeps what was compiled for it, from one mail to the next.
    """

    def prepare(environment: Environment) -> Environment:
        recording = with_lenient_filters(with_recording(environment))
        recording.bytecode_cache = compiled
        return recording

    renderers = mails.renderers(prepare)  # new ones: a module that is imported runs once in each
    guessed: dict[str, Any] = {}

    def draw(sample: Sample, language: Language | None = None, brand: str = "") -> Drawing:
        return _draw(renderers(sample, brand), name, sample, language or mails.languages.choose(SOURCE_LANGUAGE))

    def draw_elsewhere(sample: Sample, names: Collection[str]) -> frozenset[Branch]:
        languages = [one for one in mails.languages.known.values() if "lang" in names or one.direction == "rtl"]
        drawings = [draw(sample, language) for language in languages if _OF_LANGUAGES & {*names}]
        if {*names} - _OF_LANGUAGES:
            drawings += [draw(sample, brand=brand) for brand in mails.brands]
        return frozenset[Branch]().union(*(drawing.taken for drawing in drawings))

    def guess_once() -> Mapping[str, Any]:
        if not guessed:
            guessed.update(guess(mails.variables(name), name))
        return guessed

    return explore(
        Mail(
            files=tuple(file for file in mails.files(name) if file),
            samples=tuple(samples.values()),
            environment=mails.templates.environment(mails.languages.choose(SOURCE_LANGUAGE)),
            props=mails.props.get(name),
            draw=draw,
            draw_elsewhere=draw_elsewhere,
            guess=guess_once,
        )
    )


def _draw(templates: Templates, name: str, sample: Sample, language: Language) -> Drawing:
    with note_missing_names() as missing, record_branches() as recorder:
        try:
            templates.fill(name, sample.values, language)
            failed = False
        except TemplateInvalid as error:  # the checks say so
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            failed = True
    names = dict.fromkeys([*(missing_name(one.message) for one in missing), *recorder.lacking])
    return Drawing(recorder.taken, tuple(names), failed)
