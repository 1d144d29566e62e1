"""What a new password ends: whether it signs out all devices, and the words of it."""

from typing import get_args

import pytest

from keyturn.mail.languages.language import Languages
from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.reset.mails.phrases import ended_in_words
from keyturn.service.settings import AccountSettings, Credentials, Ending, TableSettings

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({"sessions.user_id": Ending(what="sessions")}, True),
        ({"sessions.user_id": Ending(what="sessions", when="intrusion")}, False),
        ({"sessions.user_id": Ending(what="sessions", where={"kind": "web"})}, False),
        (
            {
                "sessions.user_id": Ending(what="sessions"),
                "logins.id": Ending(what="sessions", when="never"),
            },
            False,
        ),
        ({"passkeys.user_id": Ending(what="passkeys")}, False),
        ({}, False),
    ],
)
def test_signed_out_devices(ends: dict[str, Ending], said: bool) -> None:
    """Devices are said to be signed out only if a change ends all sessions: `delete` may name other
    rows.
    """
    table = TableSettings(table="users", delete=("password_resets.user_id",), ends=ends)

    assert ends_sessions(AccountSettings(store="table", table=table)) == said


@pytest.mark.parametrize("tag", sorted(Languages("UTC").known))
def test_each_kind_of_credential_has_a_word_in_each_language(tag: str) -> None:
    language = Languages("UTC").known[tag]
    words = get_args(Credentials)

    for number in (1, 2, 3, 5, 11, 100):
        said = [ended_in_words({word: number}, language) for word in words]
        assert len(set(said)) == len(words)
        assert all(said)
        assert [str(number) in one for one in said] == [
            number > 2 or tag not in ("ar", "he")
        ] * len(words)
