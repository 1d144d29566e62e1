"""Tells another program of each mail that arrives: a POST with its row of the list, in Mailpit's names."""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial

import httpx
import msgspec

from keyturn.emails.inbox.boxes import Boxes
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.api.shapes import summary_of
from keyturn.http_client import HttpClient

_logger = logging.getLogger("keyturn")
_WAITING = 1_000
"""Mails that wait to be reported. More arrive without a report, so a slow receiver costs no memory."""

_SECONDS = 5.0
"""For one report, from the connection to the status."""


class ArrivalReports:
    """Posts in a thread of its own, one mail at a time and once each. An arrival never waits for it."""

    def __init__(self, url: str, boxes: Boxes) -> None:
        self._url = url
        self._waiting: queue.Queue[tuple[str, CapturedMails, str] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._post_all()), name="webhook", daemon=True)
        for name, mails in boxes.all.items():
            mails.on_arrival = partial(self._add, name, mails)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Report while the block runs. Mails that wait at its end are not reported."""
        self._thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._waiting.get_nowait()
            self._waiting.put(None)
            self._thread.join(_SECONDS + 1)

    def _add(self, name: str, mails: CapturedMails, mail_id: str) -> None:
        try:
            self._waiting.put_nowait((name, mails, mail_id))
        except queue.Full:
            _logger.warning("The webhook is too slow: the mail %s was not reported", mail_id)

    async def _post_all(self) -> None:
        async with HttpClient(timeout=_SECONDS, headers={"content-type": "application/json"}) as http:
            while waiting := self._waiting.get():  # this loop has nothing else to do
                name, mails, mail_id = waiting
                try:
                    body = msgspec.json.encode({"Inbox": name, **msgspec.to_builtins(summary_of(mails.find(mail_id)))})
                    async with asyncio.timeout(_SECONDS), http.stream("POST", self._url, content=body) as answer:
                        if not answer.is_success:
                            _logger.warning("The webhook answered %s to the mail %s", answer.status_code, mail_id)
                except LookupError:  # deleted before its turn
                    continue
                except (httpx.HTTPError, httpx.InvalidURL, sqlite3.Error, TimeoutError) as error:
                    _logger.warning("The webhook got no report of the mail %s: %s", mail_id, str(error) or "too slow")
