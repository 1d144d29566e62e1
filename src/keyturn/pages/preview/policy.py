"""What the pages' Content-Security-Policy refuses, found in a page: a browser tells it to its console alone."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from keyturn.mail.rendering.html_tree import Element, parse_html

_STYLE = "write it in the file of brand.stylesheet"
_NEVER = frozenset(("applet", "audio", "base", "embed", "frame", "iframe", "object", "video"))
"""Elements whose every content is refused, Keyturn's own too (`pages/security.py`: what is not named there is none)."""

_LOADS = {"img": ("src", "srcset"), "input": ("src",), "link": ("href",), "script": ("src",), "source": ("srcset",)}
_LOADING_LINKS = frozenset(("stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest"))
_DATA = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)
"""Types of a script that is not run (HTML, 4.12.1), and so not refused."""


_LONGEST_SHOWN = 80
"""Characters of an address: a picture may be written out in one."""


class Refused(NamedTuple):
    """Something that browsers leave out: `trace` is what its source holds, `sentence` says what and why."""

    trace: re.Pattern[str]
    sentence: str


def refused_by_policy(html: str) -> Iterator[Refused]:
    """Yield what the policy of a page refuses (CSP Level 3, 6.1 and 6.7.2), each sentence once."""
    seen: set[str] = set()
    for element in parse_html(html).walk():
        for refused in (*_element(element), *_attributes(element), *_loaded(element)):
            if refused.sentence not in seen:
                seen.add(refused.sentence)
                yield refused


def _element(element: Element) -> Iterator[Refused]:
    if element.tag in _NEVER:
        yield _refused(f"<{element.tag}", f"a <{element.tag}>")
    elif element.tag == "style":
        yield _refused("<style", "a <style>", _STYLE)
    elif element.tag == "script" and "src" not in element.attributes and not _DATA.fullmatch(element.get("type")):
        yield _refused("<script", "an inline <script>")


def _attributes(element: Element) -> Iterator[Refused]:
    for written in element.attributes:
        name = written.lower()
        if name == "style":
            yield _refused("style=", 'a style="..."', _STYLE)
        elif name.startswith("on"):
            yield _refused(f"{name}=", f'an {name}="..."')


def _loaded(element: Element) -> Iterator[Refused]:
    if element.tag == "link" and _LOADING_LINKS.isdisjoint(element.get("rel").lower().split()):
        return
    for name in _LOADS.get(element.tag, ()):
        value = element.get(name)
        urls = [part.split()[0] for part in value.split(",") if part.split()] if name == "srcset" else [value.strip()]
        for url in urls:
            if _is_foreign(url):
                shown = url if len(url) <= _LONGEST_SHOWN else f"{url[:_LONGEST_SHOWN]}..."
                yield _refused(url, f"what is loaded from {shown}", "a page loads Keyturn's files and the brand's")


def _is_foreign(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(parts.scheme or parts.netloc)


def _refused(trace: str, what: str, instead: str = "") -> Refused:
    pattern = re.compile(re.escape(trace).replace("=", r"\s*="), re.IGNORECASE)
    return Refused(pattern, f"the pages' Content-Security-Policy refuses {what}" + (f": {instead}" if instead else ""))
