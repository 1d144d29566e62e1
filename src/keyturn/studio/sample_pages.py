"""The page of a sample: its mail, its data, and what the checks say of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Response
from litestar.exceptions import NotFoundException

from keyturn.languages import Languages
from keyturn.lint.sizes import size_of
from keyturn.studio import data, frames
from keyturn.studio.checking import Checks
from keyturn.studio.face import Face
from keyturn.studio.gallery import Gallery
from keyturn.studio.links import links_of
from keyturn.studio.previews import Preview, Previews
from keyturn.studio.source import template_source
from keyturn.studio.view import View


class SamplePages:
    """Whatever these are asked for and does not exist is a NotFoundException."""

    def __init__(self, gallery: Gallery, previews: Previews, checks: Checks, languages: Languages, face: Face) -> None:
        self._gallery = gallery
        self._previews = previews
        self._checks = checks
        self._languages = languages
        self._face = face

    async def page(self, template: str, view: View, *, at_once: bool) -> Response[str]:
        """Return the page. Only the tab of the checks waits for them, and not if the mail is wanted at once."""
        preview = self.draw(template, view)
        if view.tab == "checks" and not at_once:
            await _checking(self._checks.check, template, preview.sample, self._languages.choose(view.lang))
        return self._page(template, view, preview, left=True)

    async def checked_page(self, template: str, view: View) -> Response[str]:
        """Return the page when its mail is checked. Asked again, go on with other mails, for the list."""
        preview, language = self.draw(template, view), self._languages.choose(view.lang)
        left = await _checking(self._checks.check, template, preview.sample, language)
        left = left or await _checking(self._checks.check_more, language)
        return self._page(template, view, preview, left=left)

    def draw(self, template: str, view: View) -> Preview:
        try:
            return self._previews.draw(template, view.sample, self._languages.choose(view.lang))
        except LookupError as error:
            raise NotFoundException(detail=str(error)) from error

    def _page(self, template: str, view: View, preview: Preview, *, left: bool) -> Response[str]:
        language = self._languages.choose(view.lang)
        context: dict[str, Any] = {
            "template": template,
            "view": view.to(sample=preview.sample),
            "language": str(language.locale),
            "preview": preview,
            "report": self._checks.last(template, preview.sample, language),
            "left_to_check": left,
            "frame": view.to(sample=preview.sample).mail(),
            "sandbox": frames.PREVIEW,
            "now": datetime.now().astimezone(),
        }
        if not preview.sample and not preview.fault:
            return self._face.page(
                "no_samples.html", context | {"start": data.first_sample(self._gallery.props(template))}
            )
        if mail := preview.mail:
            context |= {"links": links_of(mail.html, mail.text), "size": size_of(mail.html, mail.text)}
        if view.show == "source":
            context["source"] = template_source(self._gallery, template, view.file, preview.mail)
        return self._face.page("template.html", context | self._neighbours(template, preview.sample))

    def _neighbours(self, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
        """Return the samples before and after this one, in the order of the list."""
        order = [(entry.name, name) for entry in self._gallery.entries() for name in entry.samples]
        here = order.index((template, sample)) if (template, sample) in order else 0
        return {
            "before": order[here - 1] if here > 0 else None,
            "after": order[here + 1] if here + 1 < len(order) else None,
        }


async def _checking(check: Callable[..., bool], *given: Any) -> bool:
    """Check in a thread, so that a save which comes meanwhile is answered."""
    try:
        return await asyncio.to_thread(check, *given)
    except LookupError as error:  # what was there a moment ago
        raise NotFoundException(detail=str(error)) from error
