"""Renders and checks mails over HTTP, for apps in any language: `keyturn render-server`."""

from keyturn.emails.render_server.app import create_render_app

__all__ = ["create_render_app"]
