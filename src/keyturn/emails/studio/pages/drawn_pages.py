"""The hosted pages as they were drawn last: while a template is broken, its last good page stays behind the fault."""

from dataclasses import dataclass

from keyturn.emails.studio.hosted_pages import HostedPages
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.errors import TemplateInvalid

_MOST = 200
"""Pages that are kept, each state in each language and brand being one."""


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page; with a `fault`, the last that could be drawn. `html` is None where none could be."""

    html: str | None
    fault: TemplateInvalid | ValueError | None = None


class DrawnPages:
    """Draws pages whose links are below the path `frames`, in the scheme that is wanted."""

    def __init__(self, hosted: HostedPages, frames: str) -> None:
        self._hosted = hosted
        self._frames = frames
        self._last_good: Kept[tuple[str, str, str], tuple[str, str]] = Kept(_MOST)

    def draw(self, state: str, language: str, brand: str, scheme: str) -> DrawnPage:
        """Return a page in a state. Raises LookupError for a state or a brand that does not exist."""
        key = state, language, brand
        try:
            html = self._hosted.page(state, language, brand, f"{self._frames}/{scheme}")
        except (TemplateInvalid, ValueError) as fault:
            drawn_in, last = self._last_good.get(key) or ("", None)
            # Its links are those of the scheme that it was drawn in.
            same = last and last.replace(f"{self._frames}/{drawn_in}/", f"{self._frames}/{scheme}/")
            return DrawnPage(same, fault)
        self._last_good.put(key, (scheme, html))
        return DrawnPage(html)
