"""The app's own filter and tag."""

from django import template

register = template.Library()


@register.filter  # type: ignore[untyped-decorator]
def euros(value: float) -> str:
    return f"{float(value):.2f} EUR"


@register.simple_tag  # type: ignore[untyped-decorator]
def badge(text: str) -> str:
    return f"[{text}]"
