"""Tags and filters that hosts of Liquid add to it, by their names: they are no mistakes, and nobody has them here.

After the references of Shopify, Jekyll, Klaviyo and Customer.io, as their documentation lists them.
"""

from collections.abc import Mapping

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
    """Return which host has a filter; empty where none is known."""
    return next((host for host, names in _FILTERS.items() if name in names), "")


def host_of_tag(name: str) -> str:
    """Return which host has a tag; empty where none is known."""
    return next((host for host, names in _TAGS.items() if name in names), "")
