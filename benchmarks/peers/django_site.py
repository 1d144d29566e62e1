"""Django's own password reset: its views, forms, tokens and templates, under gunicorn with four
threads.

Sessions are in signed cookies and database connections stay open, which are Django's fastest
options. Its mail is plain text from the template of Django's admin. Django stores no row for a
link.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import django
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path

from benchmarks.load.messages import Request
from benchmarks.peers import COST, LINKS, PASSWORD, SentFile, email_of, unknown, write_requests

_CSRF = "c" * 32
_AT_ONCE = 1000


class CountingBackend(BaseEmailBackend):  # type: ignore[misc]
    """Sends no mail, and counts calls."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        for message in email_messages:
            _sent().add(message.to[0], "password_reset")
        return len(email_messages)


@cache
def _sent() -> SentFile:
    return SentFile(Path(os.environ["PEER_FOLDER"]))


def configure(url: str) -> None:
    settings.configure(
        SECRET_KEY="d" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DATABASES={"default": _database(url)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_BACKEND=f"{__name__}.CountingBackend",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.BCryptPasswordHasher"],
        AUTH_PASSWORD_VALIDATORS=[
            {"NAME": f"django.contrib.auth.password_validation.{name}"}
            for name in ("MinimumLengthValidator", "CommonPasswordValidator")
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ]
                },
            }
        ],
        LOGGING_CONFIG=None,
    )
    django.setup()


def _database(url: str) -> dict[str, Any]:
    read = urlsplit(url)
    if read.scheme == "sqlite":
        begin = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": read.path.removeprefix("/"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": begin, "timeout": 30},
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": read.path.strip("/"),
        "USER": read.username,
        "PASSWORD": unquote(read.password or ""),
        "HOST": parse_qs(read.query)["host"][0],
        "CONN_MAX_AGE": None,
    }


def _urls() -> list[Any]:
    from django.contrib.auth import views

    return [
        path("forgot/", views.PasswordResetView.as_view()),
        path("forgot/done/", views.PasswordResetDoneView.as_view(), name="password_reset_done"),
        path(
            "reset/<uidb64>/<token>/",
            views.PasswordResetConfirmView.as_view(),
            name="password_reset_confirm",
        ),
        path(
            "reset/done/", views.PasswordResetCompleteView.as_view(), name="password_reset_complete"
        ),
    ]


def prepare(folder: Path, count: int) -> None:
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    hashed = make_password(PASSWORD)
    assert f"${COST}$" in hashed
    users = [
        User(username=f"person{number}", email=email_of(number), password=hashed)
        for number in range(count)
    ]
    User.objects.bulk_create(users, batch_size=_AT_ONCE)
    links = [_link(user) for user in User.objects.order_by("id")[: min(count, LINKS)]]
    write_requests(
        folder,
        known=(_post("/forgot/", email=email_of(number)) for number in range(count)),
        unknown=(_post("/forgot/", email=unknown(number)) for number in range(count)),
        validate=(Request(path=link, method="GET") for link in links),
    )


def _link(user: Any) -> str:
    from django.contrib.auth.tokens import default_token_generator
    from django.utils.encoding import force_bytes
    from django.utils.http import urlsafe_base64_encode

    uid, token = (
        urlsafe_base64_encode(force_bytes(user.pk)),
        default_token_generator.make_token(user),
    )
    return f"/reset/{uid}/{token}/"


def _post(where: str, **fields: str) -> Request:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={_CSRF}"}
    return Request(
        path=where, headers=headers, body=urlencode({"csrfmiddlewaretoken": _CSRF, **fields})
    )


if __name__ == "__main__":
    here, address, accounts = sys.argv[1:]
    configure(address)
    urlpatterns = _urls()
    prepare(Path(here), int(accounts))
    server = [
        sys.executable,
        "-m",
        "gunicorn",
        "--bind",
        "127.0.0.1:0",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
        "--keep-alive",
        "60",
        "--backlog",
        "2048",
        "--no-control-socket",
        "benchmarks.peers.django_site:application",
    ]
    os.execve(sys.executable, server, {**os.environ, "PEER_DATABASE": address, "PEER_FOLDER": here})  # noqa: S606
elif "PEER_DATABASE" in os.environ:
    configure(os.environ["PEER_DATABASE"])
    urlpatterns = _urls()
    application = get_wsgi_application()
