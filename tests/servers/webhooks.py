"""The app that is told: an endpoint that verifies with the reference library, and can be in
trouble.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import msgspec
from standardwebhooks import Webhook
from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

PATH = "/webhooks/keyturn"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NEXT_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


class Told(Request, frozen=True):
    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """Return what it says.

        Raises WebhookVerificationError where the reference library does not believe it.
        """
        return Webhook(secret).verify(self.body, dict(self.headers))


class App(ProviderServer):
    """Answers with 204 where nothing else is coming."""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        with super().running() as app:
            app.url += PATH
            yield app

    @property
    def told(self) -> list[Told]:
        return [Told(*msgspec.structs.astuple(request)) for request in self.requests]

    @property
    def events(self) -> dict[str, Any]:
        """Return each event that was told, once, by its id: what an app does that knows repeats by
        it.
        """
        return {told.id: told.verified() for told in self.told}

    def typed(self, name: str) -> list[Any]:
        return [event for event in self.events.values() if event["type"] == name]

    def answer(self, _: Request) -> Answer:
        return Answer(204)
