"""What there is to show: templates, their samples, and the files that templates share."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Environment, TemplateSyntaxError, meta

from keyturn.errors import TemplateInvalid
from keyturn.mail.render import EmailProps
from keyturn.mail.samples import read_plain_samples, read_samples
from keyturn.studio.data import Sample
from keyturn.studio.studio import Studio


@dataclass(frozen=True, slots=True)
class Entry:
    """A template in the list. `unreadable`: its samples.toml is."""

    name: str
    samples: tuple[str, ...]
    unreadable: bool = False


class Gallery:
    """Reads the folder anew each time it is asked, so it is never out of date."""

    def __init__(self, studio: Studio) -> None:
        self.folder = studio.templates.folder
        self._names = studio.templates.names
        self._props = studio.props
        self._jinja = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)

    def entries(self) -> list[Entry]:
        return [self._entry(name) for name in self._names()]

    def samples(self, name: str) -> Mapping[str, Sample]:
        """Return the samples of a template by name.

        Raises LookupError where there is no such template, TemplateInvalid where its samples cannot be read.
        """
        if name not in self._names():
            raise LookupError(f"There is no template called {name}.")
        return self._read(name)

    def props(self, name: str) -> type[EmailProps] | None:
        return self._props.get(name)

    def shared(self) -> list[str]:
        """Return the files in folders named `_...`, as templates refer to them."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.glob("_*/**/*")
            if path.is_file() and not path.name.startswith(".")
        )

    def source(self, file: str) -> str:
        """Return a file of the folder, as templates refer to it. What is not UTF-8 in it shows as U+FFFD."""
        return re.sub(r"\r\n?", "\n", (self.folder / file).read_text("utf-8", errors="replace"))

    def users(self, shared: str) -> list[str]:
        """Return the templates that refer to a shared file, also through another one."""
        return [name for name in self._names() if shared in self.files_of(name)]

    def files_of(self, name: str) -> list[str]:
        """Return the files that a mail is made of, its own first."""
        reached: list[str] = []
        waiting = [f"{name}/{name}.mjml", f"{name}/{name}.txt"]
        while waiting:
            file = waiting.pop(0)
            if file not in reached and (self.folder / file).is_file():
                reached.append(file)
                waiting.extend(self._references(file))
        return reached

    def _entry(self, name: str) -> Entry:
        try:
            return Entry(name, tuple(self._read(name)))
        except TemplateInvalid:
            return Entry(name, (), unreadable=True)

    def _read(self, name: str) -> Mapping[str, Sample]:
        if name in self._props:
            return read_samples(self.folder, self._props[name])
        return read_plain_samples(self.folder, name)

    def _references(self, file: str) -> Iterator[str]:
        try:
            tree = self._jinja.parse(self.source(file))
        except TemplateSyntaxError:
            return
        yield from filter(None, meta.find_referenced_templates(tree))
