"""django-allauth over a SQLite file: `make FILE` creates its tables and a user, `read FILE` signs in with a passkey."""

import json
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "allauth",
        "allauth.account",
        "allauth.mfa",
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
    MFA_SUPPORTED_TYPES=["webauthn", "totp"],
    MFA_PASSKEY_LOGIN_ENABLED=True,
    MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN=True,
    ALLOWED_HOSTS=["localhost"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    ROOT_URLCONF="allauth.urls",
    SECRET_KEY="a key of the tests",
    USE_TZ=True,
)
django.setup()

from allauth.core import context  # noqa: E402
from allauth.mfa.models import Authenticator  # noqa: E402
from allauth.mfa.webauthn.internal import auth  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import RequestFactory  # noqa: E402


def make() -> None:
    call_command("migrate", verbosity=0)
    ada = get_user_model().objects.create_user("ada", "ada@northwind.test", "seven quiet harbours")
    sys.stdout.write(str(ada.pk))


def read() -> None:
    """Print what allauth reads of the passkey, and whose it is by the answer of its authenticator."""
    asked = json.load(sys.stdin)
    request = RequestFactory().get("/", HTTP_HOST="localhost")
    request.session = {}
    (stored,) = Authenticator.objects.filter(type="webauthn")
    passkey = stored.wrap()
    with context.request_context(request):
        auth.set_state({"challenge": asked["challenge"], "user_verification": "required"})
        user = auth.extract_user_from_response(asked["answer"])
        used = auth.complete_authentication(user, asked["answer"])
    seen = {
        "name": passkey.name,
        "passwordless": passkey.is_passwordless,
        "user": user.pk,
        "used": used.pk == stored.pk,
    }
    sys.stdout.write(json.dumps(seen))


{"make": make, "read": read}[sys.argv[1]]()
