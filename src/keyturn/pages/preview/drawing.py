"""A state of a page, drawn."""

from collections.abc import Sequence

from keyturn.languages import READER, Language, order_of_name
from keyturn.pages.page_templates import PageTemplates
from keyturn.pages.preview.policy import Refused, refused_by_policy
from keyturn.pages.preview.states import PageState, Sample
from keyturn.pages.site import TemplateSite


def draw_state(templates: PageTemplates, state: PageState, sample: Sample, language: Language) -> str:
    """Return the page as a browser would get it. Raises TemplateInvalid with the file and the line."""
    values = {"account": None, **state.values(sample)}
    values |= {"language": language, "languages": _linked(sample.site, sample.kind), "csrf_token": "0" * 8}
    return templates.draw(state.template, values | {READER: language}, language, sample.kind)


def refused_of_state(
    templates: PageTemplates, state: PageState, sample: Sample, language: Language
) -> Sequence[Refused]:
    """Return what browsers leave out of the page, beside what they let in on Keyturn's own. Raises as `draw_state`."""
    refused = [*refused_by_policy(draw_state(templates, state, sample, language))]
    if not refused:
        return ()
    # The policy names the hosts of a brand's logo and of a challenge, which are on ours as well.
    let_in = {*refused_by_policy(draw_state(templates.packaged(), state, sample, language))}
    return [one for one in refused if one not in let_in]


def _linked(site: TemplateSite, kind: str) -> Sequence[tuple[Language, str]]:
    known = sorted(site.theme(kind).languages.known.values(), key=lambda one: order_of_name(one.name))
    return [(one, f"?lang={one.tag}") for one in known]
