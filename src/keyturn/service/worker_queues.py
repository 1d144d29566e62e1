"""Builds the worker with its queues, each with handlers: for mails, and for the app's events.

Requests for links have a queue of their own, and wait behind all other mails in the provider's
pace. Strangers can cause as many of them as the limits let through, and must not delay a lock, a
confirmation or the app's events.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.port import AccountStore
from keyturn.service.container import Container
from keyturn.service.outbox.message import Dropped, Message, Seal
from keyturn.service.outbox.worker import Handler, Worker, WorkerLimits, WorkerQueue
from keyturn.service.reset.answer import ResetRequestHandler
from keyturn.service.reset.events import WEBHOOKS, PasswordResetRequested
from keyturn.service.reset.link_mails import LinkMails
from keyturn.service.reset.mails.composer import MailComposer
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.mails.failover import Failover
from keyturn.service.reset.notices import NoticeHandler
from keyturn.service.reset.records import messages
from keyturn.service.securing.recovery import AccountRecovery
from keyturn.service.sending.senders import pace_for, sender_for
from keyturn.service.settings import LONGEST_TRY, MailSettings
from keyturn.service.webhooks import sender as webhooks

_MAILS_AT_ONCE = 8
"""Mails with links that are handed to the provider at a time. A provider answers in about a tenth
of a second.
"""

_SECURING_AT_ONCE = 4
"""Other mails that are handed to the provider at a time."""

_TOLD_AT_ONCE = 4
"""Events that are sent to the app at a time, however slowly it answers."""


def work(container: Container) -> Coroutine[Any, Any, None]:
    """Return the worker's coroutine, which sends messages and purges records until cancelled.

    Raises SettingsInvalid at once, if there is no mail provider.
    """
    return _work(container, build_worker(container))


async def _work(container: Container, worker: Worker) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            group.create_task(container.retention.run())
    finally:
        await worker.close()


def build_worker(container: Container) -> Worker:
    """Return a worker that sends the messages of the outbox; close it before the container.

    Senders that `container` was built with replace those of the settings. Raises SettingsInvalid.
    """
    queues = [*_mail_queues(container), *_app_queues(container)]
    limits = WorkerLimits(longest=LONGEST_TRY)
    return Worker(
        container.outbox, queues, limits, request_of=messages.request_of, meters=container.meters
    )


def _mail_queues(container: Container) -> list[WorkerQueue]:
    providers = _providers(container)
    mails = MailDelivery(container.stores, Seal(container.keys), providers)
    composer = MailComposer(container.templates, container.themes, container.settings)
    links = LinkMails(composer, container.codes, container.lifetimes)
    requests = ResetRequestHandler(mails, container.stores, links, container.events)
    securing: dict[str, Handler] = {
        kind: NoticeHandler(mails, container.stores, composer, payload)
        for kind, payload in messages.NOTICES.items()
    }
    securing[messages.ACCOUNT_SECURED] = AccountRecovery(
        mails,
        container.stores,
        links,
        container.events,
        container.further_proof,
        locks=container.securing.locks,
    )
    securing[messages.CHANGE_BEGUN] = container.changes.end_interrupted
    last_answer = _last_answer(container.settings.mail)
    # If the store cannot look up many accounts at once, requests are answered one by one: otherwise
    # a claim would wait for the slowest of its look-ups.
    prepare = requests.prepare if container.accounts.offers(AccountStore.find_all) else None
    return [
        WorkerQueue(
            dict.fromkeys(messages.REQUESTS, requests),
            _MAILS_AT_ONCE,
            providers.close,
            prepare=prepare,
            last_answer=last_answer,
        ),
        WorkerQueue(securing, _SECURING_AT_ONCE, last_answer=last_answer),
    ]


def _providers(container: Container) -> Failover:
    settings = container.settings
    paces = {}
    first = container.sender
    if first is None:
        first = sender_for(settings.mail.transport, settings)
        paces[settings.mail.transport] = pace_for(
            settings.mail.transport, settings, container.database
        )
    second = container.fallback
    if second is None and settings.mail.fallback:
        second = sender_for(settings.mail.fallback, settings)
        paces[settings.mail.fallback] = pace_for(
            settings.mail.fallback, settings, container.database
        )
    return Failover(container.outbox, first, second, paces)


def _last_answer(mail: MailSettings) -> timedelta:
    """Return how much longer than `LONGEST_TRY` a try may take, for a provider's last answer."""
    longest = timedelta(0)
    for name in (mail.transport, mail.fallback):
        provider = PROVIDERS.get(name)
        if provider:
            longest = max(longest, provider.last_answer)
    return longest


def _app_queues(container: Container) -> list[WorkerQueue]:
    """Return the queues of webhooks: one for the event that strangers cause as often as the limits
    let them.
    """
    sender = webhooks.build(container.settings)
    handler = sender.post if sender else _drop
    handlers: dict[str, Handler] = dict.fromkeys(WEBHOOKS.values(), handler)
    kind = WEBHOOKS[PasswordResetRequested.type]
    requested = {kind: handlers.pop(kind)}
    return [
        WorkerQueue(requested, _TOLD_AT_ONCE),
        WorkerQueue(handlers, _TOLD_AT_ONCE, sender.close if sender else None),
    ]


async def _drop(_: Message) -> Dropped:
    """Drop an event that was written before `webhooks.url` was removed from the settings."""
    return Dropped("webhooks.url is no longer set")
