"""gettext with placeholders filled in, for Python code and for Jinja templates."""

from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

from jinja2 import Environment, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape


class SourceTexts:
    """The original texts of the code, in English."""

    @property
    def translations(self) -> NullTranslations:
        return NullTranslations()

    def gettext(self, text: str, /, **values: object) -> str:
        """Return the translation with its placeholders filled in; the text itself if it has no translation."""
        return self.translations.gettext(text) % self.isolate_values(values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        return self.translations.ngettext(one, many, number) % self.isolate_values({"num": number, **values})

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Return the translation of a text that has another meaning elsewhere: a button's and not a heading's."""
        return self.translations.pgettext(context, text) % self.isolate_values(values)

    def isolate_values(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Return the values, isolated from the surrounding text if the language needs that."""
        return values


def teach_texts(texts: SourceTexts, environment: Environment) -> None:
    """Add gettext in its new style to a Jinja environment: a call takes the values, `_("Hello %(name)s", name=name)`.

    It is equivalent to Jinja's own, in a third of the time: a mail holds twenty texts.
    """

    @pass_eval_context
    def gettext(context: EvalContext, text: str, /, **values: object) -> str:
        return fill_in(context, texts.translations.gettext(text), values)

    @pass_eval_context
    def ngettext(context: EvalContext, one: str, many: str, num: int, /, **values: object) -> str:
        return fill_in(context, texts.translations.ngettext(one, many, num), {"num": num, **values})

    @pass_eval_context
    def pgettext(context: EvalContext, where: str, text: str, /, **values: object) -> str:
        return fill_in(context, texts.translations.pgettext(where, text), {"context": where, **values})

    @pass_eval_context
    def npgettext(context: EvalContext, where: str, one: str, many: str, num: int, /, **values: object) -> str:
        text = texts.translations.npgettext(where, one, many, num)
        return fill_in(context, text, {"context": where, "num": num, **values})

    def fill_in(context: EvalContext, text: str, values: Mapping[str, Any]) -> str:
        values = texts.isolate_values(values)
        if context.autoescape:
            return Markup(text % {name: escape(value) for name, value in values.items()})  # noqa: S704 - escaped here
        return text % values

    vars(environment)["newstyle_gettext"] = True  # what {% trans %} is compiled for
    environment.globals.update(_=gettext, gettext=gettext, ngettext=ngettext, pgettext=pgettext, npgettext=npgettext)
