"""A server that behaves as Resend's API does, in what it takes, refuses, remembers and does wrong.

https://resend.com/docs/api-reference/emails/send-email and
https://resend.com/docs/dashboard/emails/idempotency-keys
"""

from typing import Any
from uuid import uuid4

from tests.servers.mail_providers.answers import Answer, Mail, Request, refusal
from tests.servers.mail_providers.server import ProviderServer

API_KEY = "re_Keyturn_0123456789abcdefghij"
SENDING_KEY = "re_Sending_0123456789abcdefghij"
"""A key that is restricted to "sending access"."""


class ResendServer(ProviderServer):
    """Keeps keys and domains as Resend does.

    `domains` are the team's, as https://resend.com/docs/api-reference/domains/get-domain shows one.
    """

    def forget(self) -> None:
        super().forget()
        self.accepted: list[Mail] = []
        self.domains: list[dict[str, Any]] = []
        self._remembered: dict[str, tuple[bytes, Mail]] = {}

    def refuse_at_once(self, request: Request) -> Answer | None:
        return (
            refusal(409, "concurrent_idempotent_requests")
            if request.key and self.beside(request)
            else None
        )

    def answer(self, request: Request) -> Answer:
        scheme, _, api_key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not api_key:
            return refusal(401, "missing_api_key")
        if api_key not in {API_KEY, SENDING_KEY}:
            return refusal(403, "invalid_api_key", f"API key is invalid: {api_key}")
        match request.method, request.path.split("/")[1:]:
            case "POST", ["emails"]:
                return self._take(request)
            case "GET", ["domains", *path]:
                return (
                    self._tell(path) if api_key == API_KEY else refusal(401, "restricted_api_key")
                )
            case _:
                return refusal(404, "not_found")

    def _tell(self, path: list[str]) -> Answer:
        if not path:
            listed = [
                {name: domain[name] for name in ("id", "name", "status")} for domain in self.domains
            ]
            return Answer(200, {"object": "list", "has_more": False, "data": listed})
        found = next((domain for domain in self.domains if [domain["id"]] == path), None)
        return Answer(200, found) if found else refusal(404, "not_found")

    def _take(self, request: Request) -> Answer:
        body, mail = self._remembered.get(request.key, (request.body, None))
        if body != request.body:
            return refusal(409, "invalid_idempotent_request")
        if mail is None:
            mail = Mail(str(uuid4()), request.key, request.fields)
            self.accepted.append(mail)
        if request.key:
            self._remembered[request.key] = (body, mail)
        return Answer(200, {"id": mail.id})
