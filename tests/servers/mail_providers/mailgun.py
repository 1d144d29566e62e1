"""A server that behaves as Mailgun's API does (https://documentation.mailgun.com/docs/mailgun/api-reference)."""

import base64
from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import uuid4

from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

KEY = "0123456789abcdef0123456789abcdef-6df690bb-1a2b3c4d"
SENDING_KEY = "fedcba9876543210fedcba9876543210-6df690bb-1a2b3c4d"
"""A key of one domain's: it may send from it, and nothing else."""

DOMAIN = "mg.northwind.example"
GREETING = Answer(200, html="Mailgun Magnificent API")


def refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})


FORBIDDEN = Answer(401, html="Forbidden")
LIMITED = refusal(429, "Too many requests")


class MailgunServer(ProviderServer):
    """`domains`: those of the account, with their states."""

    def forget(self) -> None:
        super().forget()
        self.domains = {DOMAIN: "active"}

    def answer(self, request: Request) -> Answer:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        user, _, key = base64.b64decode(credentials).decode().partition(":")
        if (scheme, user) != ("Basic", "api") or key not in {KEY, SENDING_KEY}:
            return FORBIDDEN
        match request.method, request.path.split("/")[1:]:
            case "POST", ["v3", domain, "messages"]:
                return self._take(domain, dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
            case "GET", ["v4", "domains", domain] if key == KEY:
                if domain not in self.domains:
                    return refusal(404, "Domain not found")
                return Answer(200, {"domain": {"name": domain, "state": self.domains[domain], "type": "custom"}})
            case "GET", ["v4", "domains", _]:
                return FORBIDDEN
            case _:
                return GREETING

    def _take(self, domain: str, mail: Mapping[str, str]) -> Answer:
        if domain not in self.domains:
            return refusal(404, f"Domain not found: {domain}")
        if not mail.get("to"):  # as the doctor asks
            return refusal(400, "to parameter is missing")
        accepted = f"20261120090211.{uuid4().hex[:16]}@{domain}"
        self.accepted[accepted] = mail
        return Answer(200, {"id": f"<{accepted}>", "message": "Queued. Thank you."})
