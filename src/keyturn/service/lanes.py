"""Builds a worker's lanes of mails and of what the app is told, each with its handlers.

Messages that secure an account have their own lanes, and their own place in the provider's pace. Strangers can make as
many requests for links as the limits let through, and must not delay a lock, a confirmation or the app's events.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keyturn.service.accounts.port import AccountStore
from keyturn.service.outbox.attempts import WorkerLimits
from keyturn.service.outbox.message import Dropped, Message, Seal
from keyturn.service.outbox.worker import Handler, Lane, Worker
from keyturn.service.reset import events
from keyturn.service.reset.answer import ResetLinks, ResetRequestHandler
from keyturn.service.reset.confirm import NoticeHandler
from keyturn.service.reset.events import APP_EVENTS, CALLBACKS, AppEvents, Callback, CallbackHandler
from keyturn.service.reset.mails.composer import MailComposer
from keyturn.service.reset.mails.delivery import Failover, MailDelivery
from keyturn.service.reset.records import messages
from keyturn.service.sending.senders import pace_for, sender_for
from keyturn.service.settings import LONGEST_TRY, Settings
from keyturn.service.webhooks.sender import WebhookSender

if TYPE_CHECKING:
    from keyturn.service.parts import Parts

_MAILS_AT_ONCE, _SECURING_AT_ONCE = 8, 4
"""Mails that are handed to the provider at a time, which answers in a tenth of a second; those that secure accounts."""

_TOLD_AT_ONCE = 4
"""Events that may wait for the app at a time, however slow it answers."""

_REQUESTED = events.PasswordResetRequested.type
"""The event that strangers can cause as often as the limits let them."""


def worker_of(parts: "Parts") -> Worker:
    """Return the process's worker. Senders of the parts replace those of the settings. Raises SettingsInvalid."""
    lanes = [*_mail_lanes(parts), *_app_lanes(parts)]
    limits = WorkerLimits(longest=LONGEST_TRY)
    return Worker(parts.outbox, lanes, limits, request_of=messages.request_of, meters=parts.meters)


def _mail_lanes(parts: "Parts") -> list[Lane]:
    providers = _providers(parts)
    mails = MailDelivery(parts.ground, Seal(parts.secrets), providers)
    composer = MailComposer(parts.templates, parts.themes, parts.settings)
    links = ResetLinks(composer, parts.codes, lifetime=parts.settings.token.ttl)
    requests = ResetRequestHandler(mails, parts.ground, links, parts.events)
    securing: dict[str, Handler] = {
        kind: NoticeHandler(mails, parts.ground, composer, payload) for kind, payload in messages.NOTICES.items()
    }
    securing |= parts.securing.handlers(mails, links)
    securing[messages.CHANGE_BEGUN] = parts.changes.external.end_interrupted
    # Without a look-up of many accounts at once, each claim would wait for the slowest of its look-ups.
    prepare = requests.prepare if parts.accounts.offers(AccountStore.find_all) else None
    return [
        Lane({messages.RESET_REQUESTED: requests}, _MAILS_AT_ONCE, providers.close, prepare=prepare),
        Lane(securing, _SECURING_AT_ONCE),
    ]


def _providers(parts: "Parts") -> Failover:
    mail = parts.settings.mail
    first = parts.sender or sender_for(mail.transport, parts.settings)
    second = parts.fallback or (sender_for(mail.fallback, parts.settings) if mail.fallback else None)
    own = [name for name, brought in ((mail.transport, parts.sender), (mail.fallback, parts.fallback)) if not brought]
    paces = {name: pace for name in own if (pace := pace_for(name, parts.settings, parts.database))}
    return Failover(parts.outbox, first, second, paces)


def events_told(settings: Settings, callbacks: Mapping[str, Callback[Any]]) -> AppEvents:
    """Return the events that go to the app by a webhook, a callback or both."""
    return AppEvents(events.EVENTS if settings.webhooks.url else (), callbacks)


def _app_lanes(parts: "Parts") -> list[Lane]:
    """Return the lanes of webhooks and callbacks: one for the events that strangers cause, and one for the others.

    The second also drops what was promised before the settings or the app left a webhook or a callback out.
    """
    hooks, timeout = parts.settings.webhooks, parts.settings.worker.timeout
    sender = WebhookSender(hooks.url, hooks.secrets, timeout) if hooks.url else None
    no_webhook = _drop("webhooks.url is no longer set")
    handlers: dict[str, Handler] = dict.fromkeys(APP_EVENTS.values(), sender.post if sender else no_webhook)
    handlers |= dict.fromkeys(CALLBACKS.values(), _drop("the app no longer has the callback"))
    handlers |= {CALLBACKS[event]: CallbackHandler(event, call, timeout) for event, call in parts.app.callbacks.items()}
    kinds = (APP_EVENTS[_REQUESTED], CALLBACKS[_REQUESTED])
    requested = {kind: handlers.pop(kind) for kind in kinds}
    return [Lane(requested, _TOLD_AT_ONCE), Lane(handlers, _TOLD_AT_ONCE, sender.close if sender else None)]


def _drop(reason: str) -> Handler:
    """Return the handler of messages to an app that no longer wants them."""

    async def drop(_: Message) -> Dropped:
        return Dropped(reason)

    return drop
