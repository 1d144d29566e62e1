"""The pages of places: where a finding's file and line can be read."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.finding import Place
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.view import View

_SAMPLES = (".toml", ".json")


class _MailFile(NamedTuple):
    """A file of a mail. `stage`: what it is to the mail, as `View.file` names it."""

    template: str
    stage: Literal["template", "text", "samples"]


class Places:
    """Finds the pages of places. `shared`: the shared files."""

    def __init__(self, gallery: Gallery, shared: Collection[str]) -> None:
        self._gallery = gallery
        self._shared = frozenset(shared)

    def source(self, place: Place, templates: Sequence[str], view: View) -> str:
        """Return the address of a line in a source; empty for a file without a page.

        `templates` have the finding.
        """
        file = self._mail_files.get(place.file)
        if file is None and templates and place.file.endswith(_SAMPLES):
            file = _MailFile(templates[0], "samples")
        view = view.to(pane="mail")
        line = f"#L{place.line}" if place.line else ""
        is_of_templates = file is not None and file.template in templates
        if not is_of_templates:  # the file of another mail, which this one may include
            view = view.to(sample="")
            if place.file in self._shared:
                return url("files", place.file, view=view) + line
        if file is None:
            return ""
        return url("templates", file.template, view=view.to(show="source", file=file.stage)) + line

    def line(self, place: Place) -> str:
        """Return the line as the view of a mail selects it; empty for a place that no part of a
        mail comes from.
        """
        file = self._mail_files.get(place.file)
        is_markup = file is not None and file.stage == "template"
        if place.line and (is_markup or place.file in self._shared):
            return f"{place.file}:{place.line}"
        return ""

    @cached_property
    def _mail_files(self) -> Mapping[str, _MailFile]:
        """The markup and the text part of each mail, by file. A file that is both is a text."""
        markup: dict[str, _MailFile] = {}
        text: dict[str, _MailFile] = {}
        for name in self._gallery.names():
            files = self._gallery.files(name)
            markup[files.markup] = _MailFile(name, "template")
            if files.text:
                text[files.text] = _MailFile(name, "text")
        return markup | text
