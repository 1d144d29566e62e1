"""The mails of a folder, for programs: `from keyturn import Mails`. See docs/check.md."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import DataUnfit, SettingsInvalid
from keyturn.extras import requires_extra
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.configuration import refused_without_trust, settings_of_folder
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.renderers import Limits

with requires_extra("studio", "keyturn.Mails"):
    from keyturn.studio.lint.baseline import NAME, read_baseline
    from keyturn.studio.lint.gallery_checks import check_gallery
    from keyturn.studio.lint.mail_checks import checks_for
    from keyturn.studio.lint.report import Report
    from keyturn.studio.lint.rule_names import unknown_names
    from keyturn.studio.web.checks.reports import check_mail
    from keyturn.studio.web.rendering.rendition import MailRenderer, Order

_GIVEN = "the given data"
Data = Mapping[str, Any] | None


class RenderedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it is sent; `text` is empty for a template without a text part.

    `language`: the one that was used.
    """

    subject: str
    preheader: str
    html: str
    text: str
    language: str


@dataclass(frozen=True)
class Mails:
    """The mails of a folder, and how they are checked. Each call reads the files again.

    `clients`, `severity`: as in the studio's settings. `limits`: of one mail; they hold in
    renderers, which the commands start, and not in the process that calls. `baseline`: a file of
    known findings, which `check` leaves out.
    """

    gallery: Gallery
    clients: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    baseline: Path | None = None

    @classmethod
    def open(cls, folder: Path | str, *, trusted: bool = False) -> "Mails":
        """Open a folder of templates with the settings that are in it or above it.

        The templates run in a sandbox, and settings that run code are refused, unless the folder is
        `trusted`. Raises NotADirectoryError, SettingsInvalid with every fault, and CannotImport.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise NotADirectoryError(f"There is no folder {folder}.")
        settings = settings_of_folder(folder, rules=unknown_names, trusted=trusted)
        if not trusted:
            refused = list(refused_without_trust(settings))
            if refused:
                raise SettingsInvalid(refused)
        gallery = open_gallery(folder, settings=settings, sandboxed=not trusted)
        return cls(
            gallery=gallery,
            clients=settings.clients,
            severity=settings.severity,
            limits=settings.limits,
            baseline=gallery.folder / NAME,
        )

    def names(self) -> list[str]:
        """Return the names of the templates, in order."""
        return self.gallery.names()

    def samples(self, template: str) -> tuple[str, ...]:
        """Return the names of a template's samples, the first of which is the default.

        Raises as `sample` does.
        """
        return tuple(self.gallery.samples(template))

    def sample(self, template: str, name: str = "") -> Sample:
        """Return a sample, by default the first.

        Raises UnknownMail, and TemplateInvalid for unreadable samples.
        """
        if not name:
            name = next(iter(self.gallery.samples(template)), "")
        return self.gallery.sample(template, name)

    def render(
        self,
        template: str,
        data: Data = None,
        *,
        sample: str = "",
        language: str = "",
        brand: str = "",
    ) -> RenderedMail:
        """Render a mail as it is sent, with `data` or a sample.

        `language`: a tag such as "de"; the closest is used. `brand`: another brand of the settings.
        Raises UnknownMail for a template, sample or brand that does not exist, DataUnfit for data
        that does not fit the template's type, and TemplateInvalid, with the file and line. In a
        renderer it also raises OutOfTime.
        """
        with self.gallery.one_look():
            order = self._order(template, data, sample, language, brand)
            mail = self.renderer.render(order)
        return RenderedMail(
            subject=mail.subject,
            preheader=mail.preheader,
            html=mail.html,
            text=mail.text,
            language=order.language,
        )

    def check(self, templates: Collection[str] | None = None) -> Report:
        """Return the report of `keyturn check` on all mails, or on some `templates`.

        `found` has the worst first.

        A mistake in a template is a finding, not an error. Raises UnknownMail, and BaselineInvalid
        if the baseline cannot be read.
        """
        if isinstance(templates, str):
            templates = [templates]
        with self.gallery.one_look():
            for template in templates or ():
                self.gallery.files(template)
            checks = checks_for(self.clients, self.gallery.audits)
            report = check_gallery(
                self.gallery, checks, severity=self.severity, only=templates, limits=self.limits
            )
        if self.baseline and self.baseline.is_file():
            return read_baseline(self.baseline).without_known(report)
        return report

    def check_mail(
        self,
        template: str,
        data: Data = None,
        *,
        sample: str = "",
        language: str = "",
        brand: str = "",
    ) -> Report:
        """Return the report on one mail: what was `found`, the worst first, and why a part was
        `not_checked`.

        The arguments are those of `render`. Raises UnknownMail, DataUnfit, and TemplateInvalid
        for unreadable samples; a mistake in a template is a finding.
        """
        with self.gallery.one_look():
            order = self._order(template, data, sample, language, brand)
        return check_mail(self.renderer, order, self.clients, self.severity)

    @cached_property
    def renderer(self) -> MailRenderer:
        return MailRenderer(self.gallery)

    def _order(self, template: str, data: Data, sample: str, language: str, brand: str) -> Order:
        files = self.gallery.files(template)
        if data is None:
            values = self.sample(template, sample)
        else:
            values = self._sample_of(template, data)
        return Order(
            template=template,
            files=files,
            sample=values,
            language=self.gallery.languages.choose(language).tag,
            brand=brand,
        )

    def _sample_of(self, template: str, data: Mapping[str, Any]) -> Sample:
        if not isinstance(data, Mapping):
            raise DataUnfit(
                f"the data is not a mapping of names to values, but a {type(data).__name__}"
            )
        props = self.gallery.props.get(template)
        if props is None:
            return Sample(_GIVEN, data)
        try:
            return Sample(_GIVEN, msgspec.structs.asdict(msgspec.convert(data, props)), "typed")
        except msgspec.ValidationError as error:
            raise DataUnfit(str(error)) from None
