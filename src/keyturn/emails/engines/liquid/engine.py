"""Renders templates with python-liquid, and explains its errors with file, line, column and a fix.

Tags and filters that hosts add to Liquid are no mistakes, but are missing here. Their names come from the documentation
of Shopify, Jekyll, Klaviyo and Customer.io.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, Self

from liquid.exceptions import (
    ContextDepthError,
    LiquidError,
    LiquidSyntaxError,
    LiquidValueError,
    ResourceLimitError,
    TemplateNotFoundError,
)
from liquid.token import Token

from keyturn.emails.engines.liquid.templates import LinkLeadsOut, LiquidTemplates
from keyturn.emails.engines.liquid.tracing import LiquidTracer, start_of, with_undefined
from keyturn.emails.lint.finding import line_and_column
from keyturn.emails.lint.limits import limit_of
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.engine import EngineFault
from keyturn.plain_files import paths_below


class LiquidEngine:
    name = "Liquid"

    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates
        self._faults = LiquidFaults(templates)

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        tracer, of_language = LiquidTracer(), {"lang": language.tag, "dir": language.direction}  # as for Jinja
        try:
            with tracer.tracing():
                text = self._templates.get(file).template.render({**of_language, **values})
        except Exception as error:
            if limit_of(error) or isinstance(error, UnicodeDecodeError | OSError):
                raise TemplateInvalid(str(self._templates.folder / file), None, str(error)) from error
            invalid = self._faults.of_drawing(error, file, tracer)
            raise invalid from invalid.__cause__
        return with_undefined(text, tracer)

    @property
    def filters(self) -> Collection[str]:
        return self._templates.environment.filters

    def unknown_names(self, file: str) -> Iterable[TemplateInvalid]:
        return self._faults.of_names(file)

    def with_draft(self, file: str, text: str) -> Self:
        return type(self)(self._templates.with_draft(file, text))


_NAME = "Liquid"
_CLOSE = 0.75
_ITS_FILTERS = "Its value stands here as it came. {}"
_OF_A_HOST = (
    "Its value stands here as it came: write it into the sample as it is to be read, or leave the rule out by "
    '"liquid/host-filter" = "off".'
)
_TAG_OF_A_HOST = 'Nothing stands here for it; what is in it is drawn. "liquid/host-tag" = "off" leaves the rule out.'


class LiquidFaults:
    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates

    def of_drawing(self, error: Exception, file: str, tracer: LiquidTracer) -> TemplateInvalid:
        token: Token | None = getattr(error, "token", None)
        if tracer.failed and tracer.failed[0] is error:
            _, file, token = tracer.failed
        elif token and token.start_index < 0:
            token = None
        file = (token and self._templates.file_of(token.source)) or str(getattr(error, "template_name", "") or file)
        return self._invalid(file, lambda column: self._fault(error, column, token), token)

    def of_names(self, file: str) -> Iterator[TemplateInvalid]:
        """Yield each unknown filter and tag of a file, which have no effect."""
        try:
            parsed = self._templates.get(file)
        except (LiquidError, OSError, UnicodeDecodeError):  # another check reports it
            return
        environment = self._templates.environment
        told = set[str]()
        for token in parsed.filters:
            name = token.value
            if name not in environment.filters and name not in told:
                told |= {name} if host_of_filter(name) else set()  # a filter of a host is reported once
                yield self._invalid(file, partial(_filter_fault, token.value, environment.filters), token)
        opened = {f"end{token.value}" for token in parsed.unknown_tags}
        for token in parsed.unknown_tags:
            if token.value not in opened:
                yield self._invalid(file, partial(_tag_fault, token.value, environment.known_tags), token)

    def _fault(self, error: Exception, column: int | None, token: Token | None) -> EngineFault:
        match error:
            case TemplateNotFoundError():
                name = str(error.args[0]) if error.args else ""
                return EngineFault(
                    _NAME, "missing-template", f"there is no partial {name}", self._fix_of_partial(name), column
                )
            case LinkLeadsOut():
                return EngineFault(
                    _NAME, "missing-template", str(error.message), "Put the file itself into the folder.", column
                )
            case ContextDepthError():
                return EngineFault(
                    _NAME, "limit", "partials bring in each other without end", "Open the circle.", column
                )
            case ResourceLimitError():
                fix = "No mail needs that much: bound the loop, or what is appended in it."
                return EngineFault(_NAME, "limit", str(error.message), fix, column)
            case LiquidSyntaxError() if not isinstance(error, LiquidValueError):
                return EngineFault(_NAME, "syntax", str(error.message), "Mend the tag at this place.", column)
            case LiquidError():
                reason = str(error.message)
            case RecursionError():
                reason = "the template is nested too deeply"
            case _:
                reason = f"{type(error).__name__}: {error}"
        if self._divides_by_zero(token):
            return EngineFault(_NAME, "error", reason, "Divide by what is not zero.", column, by_itself=True)
        return EngineFault(_NAME, "error", reason, "Look at what this line does with its values.", column)

    def _divides_by_zero(self, token: Token | None) -> bool:
        """Tell whether this filter, or a filter in this tag, divides by a literal zero."""
        file = token and self._templates.file_of(token.source)
        return bool(token and file and token.start_index in self._templates.get(file).zero_divisions)

    def _fix_of_partial(self, name: str) -> str:
        folder = self._templates.folder
        stems = {file.name.partition(".")[0].lstrip("_"): file for file in paths_below(folder) if file.is_file()}
        close = get_close_matches(name.rpartition("/")[2], stems, n=1)
        return f"Did you mean {close[0]}?" if close else "Partials lie in the folder, as snippets/NAME.liquid."

    def _invalid(self, file: str, fault: Callable[[int | None], EngineFault], token: Token | None) -> TemplateInvalid:
        line, column = line_and_column(token.source, start_of(token)) if token and token.source else (None, None)
        cause = fault(column)
        invalid = TemplateInvalid(str(self._templates.folder / file), line, cause.message)
        invalid.__cause__ = cause
        return invalid


def _filter_fault(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := host_of_filter(name):
        return EngineFault(
            _NAME, "host-filter", f"'{name}' is a filter of {host}'s, which Liquid lacks", _OF_A_HOST, column
        )
    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    fix = f"Did you mean {close[0]}?" if close else "Check its spelling."
    return EngineFault(_NAME, "unknown-filter", f"there is no filter '{name}'", _ITS_FILTERS.format(fix), column)


def _tag_fault(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := host_of_tag(name):
        said = f"{{% {name} %}} is a tag of {host}'s, which Liquid lacks"
        return EngineFault(_NAME, "host-tag", said, _TAG_OF_A_HOST, column)
    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    fix = f"Did you mean {close[0]}?" if close else "Check its spelling."
    return EngineFault(
        _NAME, "unknown-tag", f"there is no tag {{% {name} %}}", f"Nothing stands here for it. {fix}", column
    )


_FILTERS: Mapping[str, frozenset[str]] = {
    "Shopify": frozenset({
        "asset_img_url", "asset_url", "brightness_difference", "camelcase", "camelize", "color_brightness",
        "color_contrast", "color_darken", "color_desaturate", "color_difference", "color_extract", "color_lighten",
        "color_mix", "color_modify", "color_saturate", "color_to_hex", "color_to_hsl", "color_to_rgb",
        "customer_login_link", "customer_logout_link", "customer_register_link", "default_errors", "default_pagination",
        "file_img_url", "file_url", "font_face", "font_modify", "font_url", "format_address", "format_code",
        "global_asset_url", "handle", "handleize", "highlight", "hmac_sha1", "hmac_sha256", "image_tag", "image_url",
        "img_tag", "img_url", "json", "link_to", "link_to_tag", "link_to_type", "link_to_vendor", "md5",
        "metafield_tag", "metafield_text", "money", "money_with_currency", "money_without_currency",
        "money_without_trailing_zeros",
        "payment_button", "payment_terms", "payment_type_img_url", "payment_type_svg_tag", "placeholder_svg_tag",
        "pluralize", "product_img_url", "script_tag", "sha1", "sha256", "shopify_asset_url", "sort_by",
        "stylesheet_tag",
        "structured_data", "t", "time_tag", "translate", "unit_price", "url_escape", "url_for_type", "url_for_vendor",
        "url_param_escape", "weight_with_unit", "within",
    }),
    "Jekyll": frozenset({
        "absolute_url", "array_to_sentence_string", "cgi_escape", "date_to_long_string", "date_to_rfc822",
        "date_to_string", "date_to_xmlschema", "group_by", "group_by_exp", "jsonify", "markdownify",
        "normalize_whitespace", "number_of_words", "relative_url", "sassify", "scssify", "slugify", "smartify",
        "strip_index", "to_integer", "uri_escape", "where_exp", "xml_escape",
    }),
    "Customer.io": frozenset({
        "add_day", "add_month", "add_year", "currency", "format_date", "format_number", "hmac_sha512",
        "rounded_currency",
        "subtract_day", "subtract_month", "subtract_year", "timezone", "titlecase", "to_json",
    }),
    "Klaviyo": frozenset({"catalog", "days_until", "find_replace", "floatformat", "lookup", "missing_product_image"}),
}  # fmt: skip
_TAGS: Mapping[str, frozenset[str]] = {
    "Shopify": frozenset(
        {
            "content_for",
            "form",
            "javascript",
            "layout",
            "paginate",
            "schema",
            "section",
            "sections",
            "style",
            "stylesheet",
        }
    ),
    "Jekyll": frozenset({"highlight", "include_relative", "link", "post_url"}),
    "Klaviyo": frozenset({"catalog", "coupon_code", "current_year", "unsubscribe", "unsubscribe_link", "web_view"}),
}


def host_of_filter(name: str) -> str:
    return next((host for host, names in _FILTERS.items() if name in names), "")


def host_of_tag(name: str) -> str:
    return next((host for host, names in _TAGS.items() if name in names), "")
