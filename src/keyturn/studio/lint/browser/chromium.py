"""Measures every mail of a folder in Chromium, for `check --browser`.

One page measures all mails. It runs no scripts and reaches no other host.
"""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.mail.languages import Language
from keyturn.packaging import folder, requires_extra
from keyturn.studio.gallery import Gallery, MailName, Sample
from keyturn.studio.gallery.branches.exploration import LONGEST
from keyturn.studio.lint.browser.measurements import (
    WIDTHS,
    Measurement,
    findings_of,
    place_of_key,
    read_measurements,
)
from keyturn.studio.lint.check import ENOUGH, mail_name, samples_in_languages
from keyturn.studio.lint.document import read_document
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.markup.marked_html import keys_in
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.unknown_filters import with_lenient_origins
from keyturn.studio.renderers import Here, LimitExceeded, Limits, Runner
from keyturn.studio.renderers.limits import OutOfTime

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page, Playwright, Route

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
_MAIL_MS = 10_000.0
"""Milliseconds for each step of a mail: load, layout at a width, measurement."""

_LONGEST = 2 * 1024**2
"""Characters of HTML."""

# As in a mail client, the mail's scripts are disabled. The measuring script is evaluated from outside the page, which
# its policy permits (CSP Level 3, 4.2.3; the DevTools protocol's Runtime domain).
_POLICY = "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:"
_STAND_IN = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"/>'
"""Replaces an image that is not loaded. A missing image would be drawn without its size."""

_ADDRESS = "http://mail.invalid/"
"""An address without a host (RFC 2606, 2): a request for it returns the mail and stays in this process."""


_TO_EXPLORE = LONGEST + Limits().seconds
"""Seconds for finding the values of branches."""


class NoBrowser(KeyturnError):
    """Chromium is missing or fails to start. The message is a sentence for users."""


class NotMeasured(Exception):
    """A mail could not be measured: it takes too long, or the browser crashed."""


class Chromium:
    """Measures mails, one after the other."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self._page: Page | None = None
        self._tools: CDPSession | None = None
        self._html = ""
        self._script = f"((width) => {{ {_script()}\nreturn JSON.stringify([measure(document, width)]); }})"

    def measure(self, html: str) -> tuple[Measurement, ...]:
        """Return a measurement for each width. Raises NotMeasured."""
        from playwright.sync_api import Error

        if len(html) > _LONGEST:
            raise NotMeasured(f"its HTML has more than {_LONGEST // 1024**2} MB")
        try:
            self._html, page = html, self._open_page()
            page.goto(_ADDRESS)
            return tuple(one for width in WIDTHS for one in self._measure_at(page, width))
        except Error as error:
            self._leave_page()
            raise NotMeasured(error.message.partition("\n")[0]) from error

    def _open_page(self) -> "Page":
        if self._page is None:
            self._page = self._browser.new_page(service_workers="block", accept_downloads=False)
            self._page.set_default_timeout(_MAIL_MS)
            self._page.route("**/*", self._answer)
            self._tools = self._page.context.new_cdp_session(self._page)
        return self._page

    def _measure_at(self, page: "Page", width: int) -> tuple[Measurement, ...]:
        page.set_viewport_size({"width": width, "height": 800})
        # Not by `page.evaluate`, which waits for as long as a script runs.
        expression = {"expression": f"{self._script}({width})", "returnByValue": True, "timeout": _MAIL_MS}
        answer = self._tools.send("Runtime.evaluate", expression) if self._tools else {}
        if not (found := answer.get("result", {}).get("value")):
            raise NotMeasured("it takes too long")
        return read_measurements(found)

    def _answer(self, route: "Route") -> None:
        if route.request.url == _ADDRESS and route.request.is_navigation_request():
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _POLICY}
            route.fulfill(body=self._html, headers=headers)
        elif route.request.resource_type != "image":
            route.abort()
        else:
            route.fulfill(body=_STAND_IN, content_type="image/svg+xml")

    def _leave_page(self) -> None:
        """Close a page that does not answer. The next mail gets a new one."""
        page, self._page = self._page, None
        if page and self._browser.is_connected():
            page.close(run_before_unload=False)


def _script() -> str:
    return (folder("preview") / "measure.js").read_text("utf-8")


_INSTEAD = "run it as another user, or add --no-browser-sandbox if you trust the mails"


@contextmanager
def running_chromium(*, sandboxed: bool = True) -> Iterator[Chromium]:
    """Start a browser. Raises ExtraMissing without Playwright, and NoBrowser without a Chromium.

    `sandboxed`: in Chromium's own sandbox, in which root cannot start it: then NoBrowser says so. Mails are outside
    text, and a fault of the browser's engine must not give them this user's rights.
    """
    with requires_extra("browser", "check --browser"):
        from playwright.sync_api import Error, sync_playwright

    if sandboxed and hasattr(os, "geteuid") and os.geteuid() == 0:
        raise NoBrowser(f"root cannot start Chromium in its sandbox: {_INSTEAD}")
    with sync_playwright() as playwright:
        try:
            browser = _launch(playwright, sandboxed=sandboxed)
        except Error as error:
            raise NoBrowser(_explain(error.message)) from error
        try:
            yield Chromium(browser)
        finally:
            browser.close()


def _launch(playwright: "Playwright", *, sandboxed: bool) -> "Browser":
    """Start the Chromium on the path, else the one that Playwright has fetched."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    arguments = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return playwright.chromium.launch(executable_path=path, args=arguments, chromium_sandbox=sandboxed, timeout=30_000)


def _explain(message: str) -> str:
    if "Executable doesn't exist" in message:
        return "Chromium is not installed: install chromium or google-chrome, or run `playwright install chromium`"
    if "No usable sandbox" in message:
        return f"this system lets Chromium make no sandbox: {_INSTEAD}"
    return f"Chromium does not start: {message.partition(chr(10))[0]}"


class MailToMeasure(Struct, frozen=True):
    """A rendered mail. `places` has the place of each key in its HTML, `first` is where the body begins."""

    html: str
    places: Mapping[str, Place]
    first: Place

    def place_of(self, key: str) -> Place:
        return self.places.get(key, self.first)


class MailsToMeasure:
    """Renders mails of a gallery for a browser, in a worker."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._templates_for = gallery.renderers(with_lenient_origins)

    def samples(self, template: str) -> tuple[Sample, ...]:
        """Return the samples of a template and of its branches; an empty tuple if they cannot be read."""
        try:
            known = tuple(self._gallery.samples(template).values())
        except TemplateInvalid:
            return ()
        try:
            report = self._gallery.branches(template)
        except OutOfTime:
            return known
        return (*known, *(report.samples if report else ()))

    def draw(self, template: str, sample: Sample, tag: str) -> MailToMeasure | None:
        """Render a mail. Returns None if that fails, which the checks report. Raises OutOfTime."""
        language = self._gallery.languages.choose(tag)
        try:
            document = read_document(self._templates_for(sample), template, sample, language)
        except TemplateInvalid as error:
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            return None
        if not document.html:
            return None
        html, place_of = document.marked_html, place_of_key(document)
        places = {key: place_of(key) for key in keys_in(html)}
        first = document.place(document.body.offset)
        return MailToMeasure(html, places, first)


def look_at_mails(
    gallery: Gallery,
    chromium: Chromium,
    *,
    only: Collection[str] | None = None,
    runner: Runner[MailsToMeasure] | None = None,
) -> list[Finding]:
    """Return the browser's findings, each with its mail, for the same mails as `check` checks.

    `runner` renders within limits; by default mails are rendered in this process. Mails that fail or pass a limit are
    skipped here, since the checks report them.
    """
    languages = tuple(gallery.languages.known.values())
    found: list[Finding] = []
    with gallery.one_look():
        runner = runner or Here(MailsToMeasure(gallery))
        for template in gallery.names():
            if only is None or template in only:
                for name, mail in _drawn(runner, template, languages):
                    found += (replace(finding, mails=(name,)) for finding in look_at(mail, chromium))
    return found


def _drawn(
    runner: Runner[MailsToMeasure], template: str, languages: tuple[Language, ...]
) -> Iterator[tuple[MailName, MailToMeasure]]:
    """Yield the mails of a template with their names, until too many of them pass a limit."""
    try:
        samples = runner.run_for(_TO_EXPLORE, MailsToMeasure.samples, template)
    except (LimitExceeded, RecursionError):
        return
    ended = 0
    for sample, language in samples_in_languages(samples, languages):
        try:
            mail = runner.run(MailsToMeasure.draw, template, sample, language.tag)
        except (LimitExceeded, RecursionError):
            ended += 1
            if ended >= ENOUGH:
                return
        else:
            if mail:
                yield mail_name(template, sample.name, language, languages), mail


def look_at(mail: MailToMeasure, chromium: Chromium) -> Iterator[Finding]:
    try:
        measurements = chromium.measure(mail.html)
    except NotMeasured as reason:
        yield RULES.finding(mail.first, "browser/not-measured", reason=reason)
    else:
        yield from findings_of(measurements, mail.place_of)
