"""A view drawn as the mail it becomes, or what keeps it from being drawn, with the last good mail behind."""

from dataclasses import dataclass
from time import perf_counter

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.environments import lenient
from keyturn.emails.studio.data.current_data import CurrentData, CurrentDataReader
from keyturn.emails.studio.pages.view import View
from keyturn.emails.studio.rendering.template_errors import Fault, fault_of_samples, fault_of_template
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Rendered


@dataclass(frozen=True, slots=True)
class Timing:
    """In milliseconds."""

    jinja: float
    mjml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Without a sample, `sample` is empty and `given` None.

    Where samples cannot be read, `sample` is the one asked for, else the one that was drawn last.

    With a `fault`, `mail` is the last that could be drawn.
    """

    language: Language
    sample: str = ""
    given: CurrentData | None = None
    mail: Rendered | None = None
    timing: Timing | None = None
    fault: Fault | None = None


class Previews:
    def __init__(self, gallery: Gallery, giving: CurrentDataReader) -> None:
        self._gallery = gallery
        self._giving = giving
        self._templates_for = gallery.renderers(lenient)
        self._last_good: dict[tuple[str, View], Rendered] = {}

    def draw(self, template: str, view: View) -> Preview:
        """Draw the view as the mail that is sent is drawn; the first sample where it names none.

        Raises LookupError for a template, a sample or a brand that does not exist.
        """
        language = self._gallery.languages.choose(view.lang).in_direction(view.dir)
        try:
            given = self._giving.of(template, view)
        except TemplateInvalid as error:
            fault = fault_of_samples(error, self._gallery)
            sample, mail = self._drawn_last(template, view)
            return Preview(language=language, sample=sample, mail=mail, fault=fault)
        if given is None:
            return Preview(language=language)
        return self._draw(template, given, view, language)

    def _draw(self, template: str, given: CurrentData, view: View, language: Language) -> Preview:
        templates = self._templates_for(given.sample, view.brand)
        name = given.sample.name
        key = (template, _unedited(view).to(sample=name))
        start = perf_counter()
        try:
            filled = templates.fill(template, given.sample.values, language)
            between = perf_counter()
            mail = templates.compile(template, filled)
        except TemplateInvalid as error:
            fault = fault_of_template(error, self._gallery, template, given.sample)
            return Preview(language=language, sample=name, given=given, mail=self._last_good.get(key), fault=fault)
        timing = Timing(jinja=(between - start) * 1000, mjml=(perf_counter() - between) * 1000)
        self._last_good.pop(key, None)  # so that the last one drawn is the last one there
        self._last_good[key] = mail
        return Preview(language=language, sample=name, given=given, mail=mail, timing=timing)

    def _drawn_last(self, template: str, view: View) -> tuple[str, Rendered | None]:
        """Return the last good mail of a sample that cannot be read now, of any where the view names none."""
        wanted = _unedited(view)
        for (name, drawn), mail in reversed(self._last_good.items()):
            if name == template and wanted in (drawn, drawn.to(sample="")):
                return drawn.sample, mail
        return view.sample, None


def _unedited(view: View) -> View:
    return view.made_from().to(seed=None, edit="")
