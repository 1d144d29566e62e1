"""Renders and checks mails over HTTP, for apps in any language: `keyturn render-server`."""

from keyturn.emails.render_server.app import create_render_app
from keyturn.emails.render_server.jobs import MailFolder

__all__ = ["MailFolder", "create_render_app"]
