"""A sample drawn as the mail it becomes, or what keeps it from being drawn, with the last good mail behind."""

from dataclasses import dataclass
from time import perf_counter

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.render import Rendered, Templates
from keyturn.studio.data import Row, Sample, rows, values_of
from keyturn.studio.faults import Fault, explain
from keyturn.studio.gallery import Gallery


@dataclass(frozen=True, slots=True)
class Timing:
    """In milliseconds."""

    jinja: float
    mjml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`sample` is empty where the template has none. With a `fault`, `mail` is the last one that could be drawn."""

    sample: str = ""
    data: tuple[Row, ...] = ()
    mail: Rendered | None = None
    timing: Timing | None = None
    fault: Fault | None = None


class Previews:
    def __init__(self, templates: Templates, gallery: Gallery) -> None:
        self._templates = templates
        self._gallery = gallery
        self._last_good: dict[tuple[str, str, str], Rendered] = {}

    def draw(self, template: str, wanted: str, language: Language) -> Preview:
        """Draw the sample `wanted`, or the first where that is empty, as the mail that is sent is drawn.

        Raises LookupError for a template or a sample that does not exist.
        """
        try:
            samples = self._gallery.samples(template)
        except TemplateInvalid as error:
            return Preview(sample=wanted, fault=explain(error, self._gallery, template))
        if not samples and not wanted:
            return Preview()
        name = wanted or next(iter(samples))
        if name not in samples:
            raise LookupError(f"{template} has no sample called {name}.")
        return self._draw(template, name, samples[name], language)

    def _draw(self, template: str, name: str, sample: Sample, language: Language) -> Preview:
        key = (template, name, language.tag)
        start = perf_counter()
        try:
            filled = self._templates.fill(template, values_of(sample), language)
            between = perf_counter()
            mail = self._templates.compile(template, *filled)
        except TemplateInvalid as error:
            fault, last_good = explain(error, self._gallery, template), self._last_good.get(key)
            return Preview(sample=name, data=rows(sample), mail=last_good, fault=fault)
        timing = Timing(jinja=(between - start) * 1000, mjml=(perf_counter() - between) * 1000)
        self._last_good[key] = mail
        return Preview(sample=name, data=rows(sample), mail=mail, timing=timing)
