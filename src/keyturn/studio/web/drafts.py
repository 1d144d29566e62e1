"""Unsaved texts, rendered and checked by the renderers, one draft at a time.

Drafts are never written to the disk.
"""

import secrets
import threading

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.sample_templates import Draft
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.renderers import LimitExceeded
from keyturn.studio.web import frames
from keyturn.studio.web.checks.reports import check_mail
from keyturn.studio.web.rendering.latest_values import LatestValues
from keyturn.studio.web.rendering.rendition import MailRenderer, Order, Rendition
from keyturn.studio.web.view import View

_MOST = 16  # kept drafts: a frame asks for its draft right after it was rendered


class Drafts:
    """Renders and checks drafts in the renderers.

    An editor sends its next draft when it has the answer to the last.
    """

    def __init__(self, settings: StudioSettings) -> None:
        self._settings = settings
        self._frames: LatestValues[str, tuple[str, View]] = LatestValues(_MOST)
        self._one_at_a_time = threading.Lock()

    def render(self, rendition: Rendition, draft: Draft, view: View) -> tuple[str, Finding | None]:
        """Return the key of the draft's frame, or an empty one and what is wrong with the draft."""
        if rendition.order is None:
            return "", rendition.fault
        try:
            with self._one_at_a_time:
                html, fault = rendition.runner.run(_render, rendition.order, draft, view)
        except LimitExceeded as exceeded:
            return "", limit_finding(exceeded.limit, draft.file)
        if fault:
            return "", fault
        key = secrets.token_urlsafe(8)
        self._frames.put(key, (html, view))
        return key, None

    def findings(self, rendition: Rendition, draft: Draft) -> tuple[Finding, ...]:
        """Return the findings on the mail with the draft; none beyond a limit."""
        if rendition.order is None:
            return ()
        try:
            with self._one_at_a_time:
                return rendition.runner.run(_check, rendition.order, draft, self._settings)
        except LimitExceeded:  # reported where it is rendered
            return ()

    def frame(self, key: str) -> tuple[str, View]:
        """Return the HTML of a draft, and its view. Raises LookupError."""
        frame = self._frames.get(key)
        if frame is None:
            raise LookupError("This draft has expired. Edit the file to render it again.")
        return frame


def _render(
    renderer: MailRenderer, order: Order, draft: Draft, view: View
) -> tuple[str, Finding | None]:
    drafted = MailRenderer(renderer.gallery.but(draft=draft))
    outcome = drafted.render_or_explain(order)
    if outcome.fault:
        return "", outcome.fault
    if outcome.mail and draft.file == order.files.text:
        return frames.apply_view(frames.page_of_text(outcome.mail.text), view), None
    return frames.frame_of(drafted.document(order), view), None


def _check(
    renderer: MailRenderer, order: Order, draft: Draft, settings: StudioSettings
) -> tuple[Finding, ...]:
    drafted = MailRenderer(renderer.gallery.but(draft=draft))
    return check_mail(drafted, order, settings.clients, settings.severity).found
