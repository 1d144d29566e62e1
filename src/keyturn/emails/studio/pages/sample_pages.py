"""The page of a sample: its mail, its data, and what the checks say of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Response
from litestar.exceptions import NotFoundException

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.checks.sizes import size_of
from keyturn.emails.studio.capture.links import links_of
from keyturn.emails.studio.checks.check_queue import Checks
from keyturn.emails.studio.checks.snapshots import Review
from keyturn.emails.studio.data.data_tab import DataTab
from keyturn.emails.studio.pages.canvas import Canvas
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.tree import in_order
from keyturn.emails.studio.pages.view import View
from keyturn.emails.studio.rendering.previews import Preview


class SamplePages:
    """Whatever these are asked for and does not exist is a NotFoundException."""

    def __init__(
        self,
        gallery: Gallery,
        canvas: Canvas,
        data_tab: DataTab,
        checks: Checks,
        review: Review | None,
        face: Layout,
    ) -> None:
        self._gallery = gallery
        self._canvas = canvas
        self._data_tab = data_tab
        self._checks = checks
        self._review = review
        self._face = face

    async def page(self, template: str, view: View, *, at_once: bool) -> Response[str]:
        """Return the page. Only the tab of the checks waits for them, and not if the mail is wanted at once."""
        preview = self._canvas.preview(template, view)
        if view.tab == "checks" and not at_once:
            await self._check(template, view, preview)
        return self._page(template, view, preview, left=True)

    async def checked_page(self, template: str, view: View) -> Response[str]:
        """Return the page when its mail is checked. Asked again, go on with other mails, for the list."""
        preview = self._canvas.preview(template, view)
        left = await self._check(template, view, preview)
        left = left or (self._review is not None and await _checking(self._review.look))
        left = left or await _checking(self._checks.check_more, preview.language)
        return self._page(template, view, preview, left=left)

    async def _check(self, template: str, view: View, preview: Preview) -> bool:
        if preview.given is None and not preview.fault:
            return False
        if preview.given and (variant := _variant(view)):
            sample, language = preview.given.sample, preview.language
            return await _checking(self._checks.check_variant, template, sample, language, variant, view.brand)
        return await _checking(self._checks.check, template, preview.sample, preview.language)

    def _page(self, template: str, view: View, preview: Preview, *, left: bool) -> Response[str]:
        context: dict[str, Any] = {
            "template": template,
            "view": view.to(sample=preview.sample),
            "language": preview.language.tag,
            "preview": preview,
            "report": self._checks.last(template, preview.sample, preview.language, _variant(view)),
            "left_to_check": left,
            "now": datetime.now().astimezone(),
        }
        if preview.given is None and not preview.fault:
            return self._face.page("no_samples.html", context | self._data_tab.start(template))
        if mail := preview.mail:
            context |= {"links": links_of(mail.html, mail.text), "size": size_of(mail.html, mail.text)}
        context |= self._canvas.parts(template, view, preview)
        if view.tab == "data":
            context |= self._data_tab.parts(template, view, preview.given)
        return self._face.page("template.html", context | self._neighbours(template, preview.sample))

    def _neighbours(self, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
        """Return the samples before and after this one, in the order of the list."""
        order = [(entry.name, name) for entry in in_order(self._gallery.entries()) for name in entry.samples]
        here = order.index((template, sample)) if (template, sample) in order else 0
        return {
            "before": order[here - 1] if here > 0 else None,
            "after": order[here + 1] if here + 1 < len(order) else None,
        }


def _variant(view: View) -> str:
    """Return how the mail differs from its sample as it is written."""
    return str(View(seed=view.seed, edit=view.edit, brand=view.brand, dir=view.dir))


async def _checking(check: Callable[..., bool], *given: Any) -> bool:
    """Check in a thread, so that a save which comes meanwhile is answered."""
    try:
        return await asyncio.to_thread(check, *given)
    except LookupError as error:  # what was there a moment ago
        raise NotFoundException(detail=str(error)) from error
