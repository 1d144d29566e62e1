"""Django's own password reset with its own templates.

Its accounts: the addresses on the command line.
"""

import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

LOGIN = """<form method="post">{% csrf_token %}{{ form }}</form>
<a href="{% url 'password_reset' %}">Forgot?</a>"""
PARTS = ("auth", "contenttypes", "sessions", "messages", "admin")  # the admin has the templates

settings.configure(
    SECRET_KEY="the project's own",
    ROOT_URLCONF="project_urls",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[f"django.contrib.{name}" for name in PARTS],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("db.sqlite3").resolve()}
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    STATIC_URL="/static/",
    LOGIN_REDIRECT_URL="/me",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=int(os.environ["SMTP_PORT"]),
)


class Server(ThreadingMixIn, WSGIServer):
    """Answers several requests at once, as any server of a Django project does."""

    daemon_threads = True


def main() -> None:
    django.setup()
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    for address in sys.argv[1:]:
        User.objects.create_user(address, address, "before the probe")
    server = make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application(), Server)
    sys.stderr.write("listening\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
