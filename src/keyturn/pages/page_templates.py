"""The pages' templates, in each language and brand; one's own stand over ours."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from keyturn.languages import Language
from keyturn.mail.rendering.jinja_cache import shared_bytecode_cache
from keyturn.mail.rendering.template_errors import template_invalid
from keyturn.pages.assets import Assets
from keyturn.pages.site import TemplateSite
from keyturn.problems.passwords import rule_text

PACKAGED = Path(__file__).parent / "templates"

OURS = "keyturn"
"""What stands before the name of a template of ours where one's own has the same name: `keyturn/page.html`."""


class PageTemplates:
    """Draws the pages.

    What lies in the site's own folder stands in for ours of the same name; `keyturn/forgot.html` is always ours.
    """

    def __init__(self, site: TemplateSite, assets: Assets) -> None:
        self._site = site
        self._assets = assets
        self._environments: dict[tuple[str, str], Environment] = {}

    def packaged(self) -> "PageTemplates":
        """Return ours alone."""
        return PageTemplates(replace(self._site, templates=""), self._assets)

    def draw(self, template: str, values: Mapping[str, Any], language: Language, kind: str) -> str:
        """Return the page. Raises TemplateInvalid with the file and the line where one's own cannot be drawn."""
        try:
            return self._environment(language, kind).get_template(template).render(values)
        except Exception as error:  # a template calls filters and methods, so it can raise whatever they raise
            if not self._site.templates:
                raise
            raise template_invalid(error, template) from error

    def _environment(self, language: Language, kind: str) -> Environment:
        if (language.tag, kind) not in self._environments:
            environment = page_environment(self._site.templates, reload=self._site.reload)
            language.teach(environment)
            environment.globals.update(
                site=self._site,
                brand=self._site.theme(kind).brand,
                url=self._site.url,
                asset=partial(self._assets.url, kind=kind),
                brand_file=partial(self._assets.brand_url, kind=kind),
            )
            environment.filters["rule_text"] = lambda rule: rule_text(rule.name, rule.limit, language) or rule.message
            self._environments[language.tag, kind] = environment
        return self._environments[language.tag, kind]


def page_environment(own: str = "", *, reload: bool = False) -> Environment:
    """Return what compiles the pages' templates, without a language or values yet."""
    ours = FileSystemLoader(PACKAGED)
    loader: BaseLoader = ours
    if own:
        loader = ChoiceLoader([FileSystemLoader([Path(own).resolve(), PACKAGED]), PrefixLoader({OURS: ours})])
    return Environment(
        loader=loader,
        autoescape=True,
        auto_reload=reload,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=shared_bytecode_cache(),
    )
