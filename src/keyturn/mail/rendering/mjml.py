"""MJML -> HTML, by mrml, in the one way in which mails are sent, checked and shown."""

import re

from mjml.mjml import mjml2html  # not from `mjml`: django-mjml installs a package of the same name into the same folder

from keyturn.mail.rendering.including import unwrap_includes

_INLINE_STYLE = re.compile(
    r"""<!--.*?(?:-->|\Z)|(<mj-style\b(?=[^<>]*?\sinline\s*=\s*["']inline["'])[^<>]*(?<!/)>)(.*?)(?:(?=(</)mj-style\s*>)|\Z)""",
    re.DOTALL,
)
_GAP = re.compile(
    r"(?<=>)(?!\n)\s+(?="
    r"<mj-(?:title|preview|style|attributes|font|breakpoint|accordion-(?:element|title|text)|carousel-image|navbar-link"
    r"|social-element)\b|</mj-(?:head|accordion|accordion-element|carousel|navbar|social)\s*>)"
)
_ATTRIBUTES = re.compile(r"<mj-attributes\s*>.*?(?:</mj-attributes\s*>|\Z)", re.DOTALL)
_GAP_IN_ATTRIBUTES = re.compile(r"(?<=>)(?!\n)\s+(?=<)")

_TABLE_WITH_ROLE = re.compile(
    r"""<!--.*?(?:-->|\Z)|(<mj-table\b(?=[^<>]*?\srole\s*=\s*["'](presentation|none)["'])[^<>]*(?<!/)>)""", re.DOTALL
)
_ROLE_OF_TABLE = re.compile(r"(<table\b[^<>]*)><!-- role=(\w+) -->")

_PLACE = "/* inlined */"
_FULL_STYLE = re.compile(re.escape(_PLACE) + r"\s*")
_EMPTY_STYLE = re.compile(rf'<style type="text/css">{_FULL_STYLE.pattern}</style>')


def to_html(mjml: str) -> str:
    """Return the HTML. Raises ValueError with what the compiler says."""
    mjml = unwrap_includes(mjml)
    if "inline" not in mjml:
        return _compile_with_roles(mjml)
    styles: list[str] = []

    def lift(found: re.Match[str]) -> str:
        if found[3] is None:  # a comment, or a style that is never closed
            return found[0]
        styles.append(found[2])
        return found[1] + _PLACE.ljust(len(found[2]))  # as long as before: the compiler names offsets

    html = _compile_with_roles(_INLINE_STYLE.sub(lift, mjml))
    if not styles:
        return html
    from keyturn.mail.rendering.inlining import inline_css

    html, left = inline_css(html, "\n".join(styles))
    return _EMPTY_STYLE.sub("", _FULL_STYLE.sub(lambda _: left, html, count=1) if left else html)


def _compile_with_roles(mjml: str) -> str:
    """Compile it with the `role` of each mj-table, without which a screen reader takes a layout for data.

    mrml leaves it out, so it goes the way of the table's content.
    """
    marked = _TABLE_WITH_ROLE.sub(lambda found: f"{found[1]}<!-- role={found[2]} -->" if found[1] else found[0], mjml)
    if marked == mjml:
        return _compile(mjml)
    try:
        return _ROLE_OF_TABLE.sub(r'\1 role="\2">', _compile(marked))
    except ValueError:
        return _compile(mjml)  # which names the offsets of what was written


def _compile(mjml: str) -> str:
    """Compile it as it is; only where that is refused, with gaps that mrml can read: few mails need a look at them."""
    try:
        return str(mjml2html(mjml, fonts={}))  # without web fonts: the default asks a font host for "Roboto"
    except ValueError:
        readable = _with_readable_gaps(mjml)
        if readable == mjml:
            raise
        return str(mjml2html(readable, fonts={}))


def _with_readable_gaps(mjml: str) -> str:
    """Return MJML of the same length in which white space begins with a line break where mrml refuses any other."""
    in_attributes = _ATTRIBUTES.sub(lambda found: _GAP_IN_ATTRIBUTES.sub(_line_breaks, found[0]), mjml)
    return _GAP.sub(_line_breaks, in_attributes)


def _line_breaks(gap: re.Match[str]) -> str:
    return "\n" * len(gap[0])
