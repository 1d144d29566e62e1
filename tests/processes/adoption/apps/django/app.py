"""A Django project: its own users, its own sign-in, sessions in the database.

`set-up` makes Mona's.
"""

import os
import sys
from pathlib import Path
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

TEMPLATE = """<form method="post">{% csrf_token %}{{ form }}</form>
<a href="{% url 'password_reset' %}">Forgot?</a>"""


settings.configure(
    SECRET_KEY="the project's own",
    ROOT_URLCONF="project_urls",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("db.sqlite3").resolve()}
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": TEMPLATE})
                ]
            },
        }
    ],
    LOGIN_REDIRECT_URL="/me",
)


def main() -> None:
    django.setup()
    if sys.argv[1:] == ["set-up"]:
        from django.contrib.auth.models import User

        call_command("migrate", verbosity=0)
        User.objects.create_user(
            os.environ["EMAIL"], os.environ["EMAIL"], os.environ["PASSWORD"], first_name="Mona"
        )
        return
    server = make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application())
    sys.stderr.write("listening\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
