"""The settings under which the storms rage: short time-outs, no limits for clients."""

from tests.servers.mail_providers.resend import API_KEY, ResendServer


def environment_for(resend: ResendServer, database_url: str) -> dict[str, str]:
    return {
        "KEYTURN_DATABASE_URL": database_url,
        "KEYTURN_SECRET_KEY": "s" * 32,
        "KEYTURN_MAIL_FROM": "Northwind School <no-reply@northwind.example>",
        "KEYTURN_RESEND_API_URL": resend.url,
        "KEYTURN_WORKER_TIMEOUT": "500ms",
        "KEYTURN_RESEND_RATE": "1000",
        "RESEND_API_KEY": API_KEY,
        "KEYTURN_LIMITS_IN_MEMORY": "true",
        "KEYTURN_HASHING_COST": "10",
        **{f"KEYTURN_LIMITS_{name}": "100000/second" for name in ("OVERALL", "REQUEST", "CLIENT")},
    }
