"""The settings of shared signals: every fault at once, and no part of a secret in any."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.settings.reading import Read
from tests.signals.receiver import AUDIENCE, OTHER_TOKEN, TOKEN, pem, signals
from tests.spec.service import settings_for

from keyturn.errors import SettingsInvalid
from keyturn.settings import (
    AccountSettings,
    HashingSettings,
    Secret,
    Settings,
    SignalSettings,
    SignalTransmitter,
    SubjectColumns,
    TableSettings,
)
from keyturn.settings.reading import require_valid


def usual(**changes: Any) -> Settings:
    return settings_for("sqlite:///keyturn.db", hashing=HashingSettings(), **changes)


def faults(found: SignalSettings, **changes: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as invalid:
        require_valid(usual(signals=found, **changes), sending=False)
    assert "PRIVATE" not in str(invalid.value)
    return {fault.name.removeprefix("signals."): fault.message for fault in invalid.value.faults}


def test_what_the_docs_set_up_can_be_read(read: Read) -> None:
    settings = read(
        '[signals]\nsign_with = "2026-11"\n[signals.keys]\n2026-11 = "${SIGNALS_KEY}"\n'
        f'[signals.receivers.workspace]\naudience = "{AUDIENCE}"\npush_to = "https://receiver.test/events"\n'
        'authorization = "${AUTHORIZATION}"\nevents = ["session-revoked"]\n',
        SIGNALS_KEY=pem(0),
        AUTHORIZATION="Bearer secret",
        KEYTURN_SECRET_KEY="0123456789abcdef" * 2,
    )

    assert settings.signals.receivers["workspace"].authorization == "Bearer secret"
    assert settings.signals.keys["2026-11"] == pem(0)
    assert "secret" not in repr(settings.signals)
    assert "PRIVATE" not in repr(settings.signals)


def test_all_faults_of_all_receivers_are_told_at_once() -> None:
    found = signals(
        "2027-01",
        push={"push_to": Secret("https://user:pass@receiver.test"), "subject_issuer": "https://id.test", "events": ()},
        nowhere={"audience": "", "authorization": Secret("a\r\nb")},
        poll={"stream": "poll", "push_to": Secret("https://receiver.test"), "authorization": Secret("x")},
        api={"stream": "api", "token": Secret("short")},
        Big={"stream": "poll", "token": TOKEN},
        same={"stream": "api", "token": TOKEN, "push_to": Secret("ftp://receiver.test")},
    )

    assert faults(found, secret_key=Secret("")) == {
        "sign_with": "must be the name of a key in [signals.keys], not '2027-01'",
        "KEYTURN_SECRET_KEY": "missing: [signals] is set, and encrypts its streams with it",
        "receivers.push.events": "is empty: name one or more of session-revoked, credential-change, "
        "account-credential-change-required",
        "receivers.push.subject_issuer": "is set, but subject is not iss_sub",
        "receivers.push.push_to": "must not contain a user or a password: set authorization",
        "receivers.nowhere.audience": "missing: the receiver accepts only events that are meant for it",
        "receivers.nowhere.push_to": "missing: stream is push",
        "receivers.nowhere.authorization": "contains a character that no header can have",
        "receivers.poll.token": "missing: stream is poll, and the receiver needs a bearer token",
        "receivers.poll.push_to": "is set, but stream is poll",
        "receivers.poll.authorization": "is set, but stream is not push",
        "receivers.api.token": "shorter than 32 characters",
        "receivers.Big": "must be named with at most 24 small letters, digits and hyphens",
        "receivers.Big.token": "is also the token of another receiver",
        "receivers.same.token": "is also the token of another receiver",
        "receivers.same.push_to": "must be an address like https://app.example.org",
    }


def elliptic() -> Secret:
    key = ec.generate_private_key(ec.SECP256R1())
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), "an RSA private key in PEM"),
        (Secret(""), "an RSA private key in PEM"),
        (elliptic(), "an RSA private key in PEM"),
        (pem(7, 1024), "has 1024 bits: it must have 2048 or more"),
    ],
    ids=["broken", "empty", "elliptic", "short"],
)
def test_a_key_that_the_profile_does_not_allow_is_a_fault(key: Secret, message: str) -> None:
    found = SignalSettings(keys={"2026-11": key}, sign_with="2026-11")

    assert message in faults(found)["keys.2026-11"]


def test_in_production_events_are_pushed_over_https() -> None:
    found = signals(workspace={"push_to": Secret("http://receiver.test/events"), "token": OTHER_TOKEN})
    told = faults(found, environment="production")

    assert "must be https in production" in told["receivers.workspace.push_to"]
    assert require_valid(usual(signals=found), sending=False)


def test_a_transmitter_as_the_docs_set_it_up_can_be_read(read: Read) -> None:
    settings = read(
        'sign_in_url = "{base_url}/in"\n[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\n'
        '[accounts.table.subjects.google]\naccount = "identities.user_id"\nsubject = "provider_uid"\n'
        'where = { provider = "google" }\n'
        '[signals.transmitters.google]\nissuer = "https://accounts.google.com/"\naudiences = ["1.apps.test"]\n'
        'jwks_url = "https://www.googleapis.com/oauth2/v3/certs"\ndomains = ["gmail.com"]\n'
        'authorization = "${AUTHORIZATION}"\n',
        AUTHORIZATION="Bearer secret",
    )

    assert settings.signals.transmitters["google"].authorization == "Bearer secret"
    assert settings.accounts.table.subjects["google"].where == {"provider": "google"}
    assert "secret" not in repr(settings.signals)


FINE: dict[str, Any] = {
    "issuer": "https://id.test",
    "audiences": ("me",),
    "jwks_url": "http://id.test/jwks",
    "domains": ("*",),
}


def test_all_faults_of_all_transmitters_are_told_at_once() -> None:
    transmitters = {
        "empty": SignalTransmitter(),
        "Google": SignalTransmitter(**FINE),
        "push": SignalTransmitter(**FINE | {"domains": ("Gmail.com", "@x"), "token": TOKEN}),
        "poll": SignalTransmitter(**FINE, poll_from="ftp://id.test", authorization=Secret("x")),
    }
    subjects = {"pusk": SubjectColumns(account="user_id")}
    accounts = AccountSettings(store="table", table=TableSettings(table="users", subjects=subjects))
    found = faults(SignalSettings(transmitters=transmitters), accounts=accounts, sign_in_url="{base_url}/login")

    assert found == {
        "transmitters.empty.issuer": "missing: the iss of its events",
        "transmitters.empty.audiences": "missing: events that are meant for other receivers must be refused",
        "transmitters.empty.domains": 'missing: the domains of the mailboxes that it may block, or "*" for all',
        "transmitters.empty.jwks_url": "missing: where it publishes its keys",
        "transmitters.Google": "must be named with at most 20 small letters, digits and hyphens",
        "transmitters.push.domains": 'must be domains in small letters, such as gmail.com, or "*"',
        "transmitters.push.token": "is set, but poll_from is not: set authorization",
        "transmitters.poll.authorization": "is set, but events are fetched from poll_from: set token",
        "transmitters.poll.poll_from": "must be an address like https://app.example.org, not 'ftp://id.test'",
        "accounts.table.subjects.pusk": "must be the name of one of [signals.transmitters]; did you mean push?",
        "accounts.table.subjects.pusk.account": "must be a table and its column, such as identities.user_id",
        "accounts.table.subjects.pusk.subject": "missing: the column with the provider's id of the user",
    }


def test_in_production_keys_are_read_over_https() -> None:
    told = faults(SignalSettings(transmitters={"google": SignalTransmitter(**FINE)}), environment="production")

    assert "must be https in production" in told["transmitters.google.jwks_url"]
