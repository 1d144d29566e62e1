"""The studio: designers see the mails before anyone gets them. For development alone; only `cli` imports it."""

from keyturn.emails.studio.app import create_studio_app, studio_router
from keyturn.emails.studio.studio import Studio

__all__ = ["Studio", "create_studio_app", "studio_router"]
