"""Where the pages show a place of the templates: its line in a source, and the part of a mail that comes from it."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any

from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.finding import Place
from keyturn.studio.web.view import View

_SAMPLES = (".toml", ".json")


class Places:
    """Finds the pages of places. `shared`: the shared files. `url` returns the address of a page."""

    def __init__(self, gallery: Gallery, shared: Collection[str], url: Callable[..., str]) -> None:
        self._gallery = gallery
        self._shared = frozenset(shared)
        self._url = url

    def source(self, place: Place, templates: Sequence[str], view: View) -> str:
        """Return the address of a line in a source; empty for a file without a page. `templates` have the finding."""
        view, line = view.to(pane="mail"), f"#L{place.line}" if place.line else ""
        template, stage = self._stages.get(place.file, ("", ""))
        if not stage and templates and place.file.endswith(_SAMPLES):
            template, stage = templates[0], "samples"
        if template not in templates:  # the file of another mail, which this one may include
            stage, view = "" if place.file in self._shared else stage, view.to(sample="")
        if stage:
            return self._url("templates", template, view=view.to(show="source", file=stage)) + line
        return self._url("files", place.file, view=view.to(sample="")) + line if place.file in self._shared else ""

    def line(self, place: Place) -> str:
        """Return the line as the view of a mail selects it; empty for a place that no part of a mail comes from."""
        is_rendered = place.file in self._shared or self._stages.get(place.file, ("", ""))[1] == "template"
        return f"{place.file}:{place.line}" if is_rendered and place.line else ""

    @cached_property
    def _stages(self) -> dict[str, tuple[str, Any]]:
        """Return the template and the stage of each file of a mail."""
        mails = [(name, self._gallery.files(name)) for name in self._gallery.names()]
        stages: dict[str, tuple[str, Any]] = {files.markup: (name, "template") for name, files in mails}
        return stages | {files.text: (name, "text") for name, files in mails if files.text}
