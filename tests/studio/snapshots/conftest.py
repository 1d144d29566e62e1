"""A small folder of mails."""

from tests.studio.web.conftest import folder, gallery

__all__ = ["folder", "gallery"]
