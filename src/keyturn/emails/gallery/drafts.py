"""A file as somebody is typing it: a gallery that has this text where the disk has another."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from jinja2 import BaseLoader, Environment

from keyturn.emails.gallery.gallery import Gallery
from keyturn.emails.gallery.renderers import Renderers


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of one file, as templates refer to it, that nobody has saved."""

    file: str
    text: str


@dataclass(frozen=True, kw_only=True)
class DraftGallery(Gallery):
    """Has one file as in the draft, for whoever draws and checks. Which files there are, the disk says."""

    draft: Draft

    def source(self, file: str) -> str:
        return self.draft.text if file == self.draft.file else super().source(file)

    def renderers(self, prepare: Callable[[Environment], Environment] | None = None) -> Renderers:
        def with_draft(environment: Environment) -> Environment:
            if environment.loader:
                environment.loader = _DraftLoader(environment.loader, str(self.folders / self.draft.file), self.draft)
            environment.bytecode_cache = None  # what is typed is compiled once, and no one's but the typist's
            return prepare(environment) if prepare else environment

        return super().renderers(with_draft)


def with_draft(gallery: Gallery, draft: Draft) -> DraftGallery:
    known: dict[str, Any] = {field.name: getattr(gallery, field.name) for field in fields(Gallery)}
    if engine := gallery.templates.engine:
        known["templates"] = replace(gallery.templates, engine=engine.with_draft(draft.file, draft.text))
    return DraftGallery(**known, draft=draft)


class _DraftLoader(BaseLoader):
    """Loads as another loader does, and says of one path what the draft says, by whatever name it is asked for."""

    def __init__(self, loader: BaseLoader, path: str, draft: Draft) -> None:
        self._loader = loader
        self._path = os.path.realpath(path)
        self._draft = draft

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, path, is_current = self._loader.get_source(environment, template)
        if path and os.path.realpath(path) == self._path:
            return self._draft.text, path, None
        return source, path, is_current

    def list_templates(self) -> list[str]:
        return self._loader.list_templates()
