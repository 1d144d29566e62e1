"""Builds the worker with its queues: of mails, and of what the app is told, each with handlers.

Securing messages have their own, and their own place in the provider's pace: strangers can cause as
many requests for links as the limits let through, and must not delay a lock, a confirmation or the
app's events.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.port import AccountStore
from keyturn.service.outbox.message import Dropped, Message, Seal
from keyturn.service.outbox.worker import Handler, Worker, WorkerLimits, WorkerQueue
from keyturn.service.reset.answer import ResetLinks, ResetRequestHandler
from keyturn.service.reset.confirm import NoticeHandler
from keyturn.service.reset.events import WEBHOOKS, PasswordResetRequested
from keyturn.service.reset.mails.composer import MailComposer
from keyturn.service.reset.mails.delivery import Failover, MailDelivery
from keyturn.service.reset.records import messages
from keyturn.service.sending.senders import pace_for, sender_for
from keyturn.service.settings import LONGEST_TRY, MailSettings

if TYPE_CHECKING:
    from keyturn.service.container import Container

_MAILS_AT_ONCE, _SECURING_AT_ONCE = 8, 4
"""Mails that are handed to the provider at a time, which answers in a tenth of a second; those that
secure accounts.
"""

_TOLD_AT_ONCE = 4
"""Events that may wait for the app at a time, however slow it answers."""


def worker_of(container: "Container") -> Worker:
    """Return the process's worker.

    Senders of the container replace those of the settings. Raises SettingsInvalid.
    """
    queues = [*_mail_queues(container), *_app_queues(container)]
    limits = WorkerLimits(longest=LONGEST_TRY)
    return Worker(
        container.outbox, queues, limits, request_of=messages.request_of, meters=container.meters
    )


def _mail_queues(container: "Container") -> list[WorkerQueue]:
    providers = _providers(container)
    mails = MailDelivery(container.stores, Seal(container.keys), providers)
    composer = MailComposer(container.templates, container.themes, container.settings)
    links = ResetLinks(composer, container.codes, lifetime=container.settings.token.ttl)
    requests = ResetRequestHandler(mails, container.stores, links, container.events)
    securing: dict[str, Handler] = {
        kind: NoticeHandler(mails, container.stores, composer, payload)
        for kind, payload in messages.NOTICES.items()
    }
    securing |= container.securing.handlers(mails, links)
    securing[messages.CHANGE_BEGUN] = container.changes.external.end_interrupted
    last_answer = _last_answer(container.settings.mail)
    # Without a look-up of many accounts at once, each claim would wait for the slowest of its
    # look-ups.
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


def _providers(container: "Container") -> Failover:
    mail = container.settings.mail
    first = container.sender or sender_for(mail.transport, container.settings)
    second = container.fallback or (
        sender_for(mail.fallback, container.settings) if mail.fallback else None
    )
    own = [
        name
        for name, brought in (
            (mail.transport, container.sender),
            (mail.fallback, container.fallback),
        )
        if not brought
    ]
    paces = {
        name: pace
        for name in own
        if (pace := pace_for(name, container.settings, container.database))
    }
    return Failover(container.outbox, first, second, paces)


def _last_answer(mail: MailSettings) -> timedelta:
    """Return how much longer than others a try may take, for the last answer of the slower
    provider.
    """
    longest = timedelta(0)
    for name in (mail.transport, mail.fallback):
        if provider := PROVIDERS.get(name):
            longest = max(longest, provider.last_answer)
    return longest


def _app_queues(container: "Container") -> list[WorkerQueue]:
    """Return the queues of webhooks: one for the event that strangers cause as often as the limits
    let them.
    """
    sender = container.webhooks() if container.webhooks else None
    handlers: dict[str, Handler] = dict.fromkeys(
        WEBHOOKS.values(), sender.post if sender else _drop
    )
    kind = WEBHOOKS[PasswordResetRequested.type]
    requested = {kind: handlers.pop(kind)}
    return [
        WorkerQueue(requested, _TOLD_AT_ONCE),
        WorkerQueue(handlers, _TOLD_AT_ONCE, sender.close if sender else None),
    ]


async def _drop(_: Message) -> Dropped:
    """End what was promised before the settings left webhooks out."""
    return Dropped("webhooks.url is no longer set")
