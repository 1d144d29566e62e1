"""Rules for shared signals: their receivers, the keys that sign them, and other transmitters."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from keyturn.errors import Fault
from keyturn.settings import Settings, SignalReceiver, SignalSettings, SignalTransmitter
from keyturn.settings.building import did_you_mean, member_name
from keyturn.settings.rules.every_rule import SHORTEST_SECRET
from keyturn.settings.sentences import not_this
from keyturn.settings.url_rules import service_faults

_LONGEST_POLL = timedelta(seconds=30)
"""Proxies end a silent request after 30 to 60 seconds."""

_RECEIVER = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
"""A name that fits into the kind of its messages."""

_TRANSMITTER = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
"""A name that fits into the reason of a block."""

_KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

_DOMAIN = re.compile(r"\*|[a-z0-9-]+(\.[a-z0-9-]+)+")
_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')

_SMALLEST_KEY = 2048
"""Bits (OpenID CAEP Interoperability Profile 1.0, 2.6)."""


def signal_faults(settings: Settings) -> Iterator[Fault]:
    signals = settings.signals
    for name, key in signals.keys.items():
        if message := _key_fault(name, key):
            yield Fault(member_name("signals.keys", name), message)
    if signals.sign_with not in signals.keys:
        yield Fault("signals.sign_with", f"must be the name of a key in [signals.keys]{not_this(signals.sign_with)}")
    if not settings.secret_key:
        yield Fault("KEYTURN_SECRET_KEY", "missing: [signals] is set, and encrypts its streams with it")
    if signals.poll_wait > _LONGEST_POLL:
        yield Fault("signals.poll_wait", f"must be at most {_LONGEST_POLL.seconds} s")
    production = settings.environment == "production"
    for name, receiver in signals.receivers.items():
        section = member_name("signals.receivers", name)
        if not _RECEIVER.fullmatch(name):
            yield Fault(section, "must be named with at most 24 small letters, digits and hyphens")
        faults = [*_event_faults(receiver), *_token_faults(receiver, signals), *_stream_faults(receiver)]
        yield from (Fault(f"{section}.{setting}", message) for setting, message in faults)
        if receiver.push_to:
            yield from service_faults(f"{section}.push_to", receiver.push_to, production=production)


def transmitter_faults(settings: Settings) -> Iterator[Fault]:
    production, transmitters = settings.environment == "production", settings.signals.transmitters
    for name, transmitter in transmitters.items():
        section = member_name("signals.transmitters", name)
        if not _TRANSMITTER.fullmatch(name):
            yield Fault(section, "must be named with at most 20 small letters, digits and hyphens")
        yield from (Fault(f"{section}.{setting}", message) for setting, message in _trust_faults(transmitter))
        for setting in ("jwks_url", "poll_from"):
            if url := getattr(transmitter, setting):
                yield from service_faults(f"{section}.{setting}", url, production=production)
    for name, columns in settings.accounts.table.subjects.items():
        section = member_name("accounts.table.subjects", name)
        if name not in transmitters:
            yield Fault(section, f"must be the name of one of [signals.transmitters]{did_you_mean(name, transmitters)}")
        if not _COLUMN_OF_TABLE.fullmatch(columns.account):
            yield Fault(f"{section}.account", "must be a table and its column, such as identities.user_id")
        if not columns.subject:
            yield Fault(f"{section}.subject", "missing: the column with the provider's id of the user")


def _trust_faults(transmitter: SignalTransmitter) -> Iterator[tuple[str, str]]:
    if not transmitter.issuer:
        yield "issuer", "missing: the iss of its events"
    if not transmitter.audiences:
        yield "audiences", "missing: events that are meant for other receivers must be refused"
    if not transmitter.jwks_url:
        yield "jwks_url", "missing: where it publishes its keys"
    if not transmitter.domains:
        yield "domains", 'missing: the domains of the mailboxes that it may block, or "*" for all'
    elif not all(map(_DOMAIN.fullmatch, transmitter.domains)):
        yield "domains", 'must be domains in small letters, such as gmail.com, or "*"'
    if transmitter.poll_from and transmitter.authorization:
        yield "authorization", "is set, but events are fetched from poll_from: set token"
    if transmitter.token and not transmitter.poll_from:
        yield "token", "is set, but poll_from is not: set authorization"


def _event_faults(receiver: SignalReceiver) -> Iterator[tuple[str, str]]:
    if not receiver.audience:
        yield "audience", "missing: the receiver accepts only events that are meant for it"
    if not receiver.events:
        yield "events", f"is empty: name one or more of {', '.join(SignalReceiver().events)}"
    if receiver.subject_issuer and receiver.subject != "iss_sub":
        yield "subject_issuer", "is set, but subject is not iss_sub"


def _token_faults(receiver: SignalReceiver, signals: SignalSettings) -> Iterator[tuple[str, str]]:
    if not receiver.token:
        if receiver.stream != "push":
            yield "token", f"missing: stream is {receiver.stream}, and the receiver needs a bearer token"
    elif len(receiver.token) < SHORTEST_SECRET:
        yield "token", f"shorter than {SHORTEST_SECRET} characters"
    elif Counter(one.token for one in signals.receivers.values())[receiver.token] > 1:
        yield "token", "is also the token of another receiver"


def _stream_faults(receiver: SignalReceiver) -> Iterator[tuple[str, str]]:
    if receiver.stream == "push" and not receiver.push_to:
        yield "push_to", "missing: stream is push"
    if receiver.stream == "poll" and receiver.push_to:
        yield "push_to", "is set, but stream is poll"
    if "@" in urlsplit(receiver.push_to).netloc:
        yield "push_to", "must not contain a user or a password: set authorization"
    if receiver.authorization and receiver.stream != "push":
        yield "authorization", "is set, but stream is not push"
    if not (receiver.authorization.isascii() and receiver.authorization.isprintable()):
        yield "authorization", "contains a character that no header can have"


def _key_fault(name: str, pem: str) -> str:
    """Return what is wrong with a signing key, without a part of it; "" for nothing."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not _KEY_NAME.fullmatch(name):
        return "must be named with at most 64 letters, digits, dots, hyphens and underscores"
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        return "must be an RSA private key in PEM, without a password"
    return "" if key.key_size >= _SMALLEST_KEY else f"has {key.key_size} bits: it must have {_SMALLEST_KEY} or more"
