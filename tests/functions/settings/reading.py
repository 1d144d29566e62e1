"""How tests read settings, and the settings that a process cannot do without."""

from collections.abc import Callable

from keyturn.service.settings import Settings

Read = Callable[..., Settings]


Faults = Callable[..., dict[str, str]]


ENOUGH = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "RESEND_API_KEY": "re_Keyturn_0123456789",
    "KEYTURN_MAIL_FROM": "accounts@northwind.example",
}
"""What a process that sends mails cannot do without."""
