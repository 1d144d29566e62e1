"""Renders the templates of the pages, packaged or custom."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from unicodedata import normalize

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from keyturn.mail.languages.language import READER, Language
from keyturn.mail.rendering.jinja import OwnEnvironment, template_invalid
from keyturn.service.api.mail_services import inbox_of, meant_by
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.site import Site
from keyturn.service.problems.passwords import rule_text
from keyturn.service.problems.proofs import LINK_TEXTS
from keyturn.service.reset.passwords.policy import Rule

PACKAGED = Path(__file__).parent / "templates"

OURS = "keyturn"
"""A custom template extends the packaged one of the same name as `keyturn/NAME`."""


class PageTemplates:
    """Renders the pages.

    A file in the folder `own` replaces the packaged template of the same name.
    """

    def __init__(self, site: Site, assets: Assets, own: str = "") -> None:
        self._site = site
        self._assets = assets
        self._own = own
        self._environment = cache(self._make_environment)

    def render(
        self,
        template: str,
        values: Mapping[str, Any],
        language: Language,
        kind: str,
        link_to_itself: str = "?lang=",
    ) -> str:
        """Return the page.

        `link_to_itself`: a link to the page, without the language tag at its end. Raises
        TemplateInvalid for a mistake in custom templates.
        """
        links = [(known, f"{link_to_itself}{known.tag}") for known in self._languages_by_name()]
        values = {READER: language, "language": language, "languages": links, **values}
        try:
            return self._environment(language, kind).get_template(template).render(values)
        except Exception as error:  # templates call filters and methods, which may raise anything
            if not self._own:
                raise
            raise template_invalid(error, template) from error

    def _languages_by_name(self) -> Sequence[Language]:
        """Return the languages in the order of a list for people: accents do not count."""

        def without_accents(language: Language) -> str:
            return normalize("NFKD", language.name).casefold()

        return sorted(self._site.themes.languages.known.values(), key=without_accents)

    def _make_environment(self, language: Language, kind: str) -> Environment:
        def text_of_rule(rule: Rule) -> str:
            return rule_text(rule.name, rule.limit, language) or rule.message

        theme = self._site.theme(kind)
        environment = page_environment(self._own, reload=self._site.reload)
        language.teach(environment)
        environment.globals.update(
            site=self._site,
            link_texts=LINK_TEXTS,
            brand=theme.brand,
            palette=theme.palette,
            url=self._site.url,
            asset=partial(self._assets.url, kind=kind),
            brand_file=partial(self._assets.brand_url, kind=kind),
        )
        environment.filters["inbox"] = inbox_of
        environment.filters["meant"] = meant_by
        environment.filters["rule_text"] = text_of_rule
        return environment


def page_environment(own: str = "", *, reload: bool = False) -> Environment:
    """Return the environment of the packaged templates, behind those of the folder `own`."""
    folders = [PACKAGED]
    if own:
        folders.insert(0, Path(own).resolve())
    packaged = PrefixLoader({OURS: FileSystemLoader(PACKAGED)})
    return OwnEnvironment(ChoiceLoader([FileSystemLoader(folders), packaged]), reload=reload)
