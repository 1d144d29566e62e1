"""The rules for every sender, as a test suite with a subclass for each.

    class TestOurs(SenderContract):
        name = "ours"

        @pytest.fixture
        def sender(self) -> Sender: ...

        @pytest.fixture
        def delivered(self) -> Callable[[], list[str]]: ...

The tests are coroutines and marked for pytest-asyncio.
"""

from collections.abc import Callable

import msgspec
import pytest

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender


class SenderContract:
    """Tests that a sender keeps the port's promises.

    An adapter gives `sender` and `delivered`, the subjects of the mails that arrived. Set `knows_keys` to False in the
    class if the provider has no idempotency keys: then a repeat arrives again, under another id.
    """

    pytestmark = pytest.mark.asyncio

    name: str
    knows_keys = True

    @pytest.fixture
    def mail(self) -> Email:
        return Email(
            sender="Northwind School <accounts@northwind.example>",
            to="ada@pupils.test",
            reply_to="help@northwind.example",
            subject="Reset your Northwind School password",
            html='<p>Grüße, <a href="https://northwind.example/reset/abc">here</a></p>',
            text="Grüße, here:\nhttps://northwind.example/reset/abc\n",
            headers={"Auto-Submitted": "auto-generated"},
            tags={"template": "password_reset"},
        )

    async def test_it_says_who_it_is(self, sender: Sender) -> None:
        assert sender.name == self.name

    async def test_an_accepted_mail_arrives_and_has_an_id(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        assert await sender.send(mail, "key-1")
        assert delivered() == [mail.subject]

    async def test_two_mails_arrive_under_two_ids(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        other = msgspec.structs.replace(mail, subject="Another mail")
        ids = {await sender.send(mail, "key-1"), await sender.send(other, "key-2")}

        assert len(ids) == 2
        assert sorted(delivered()) == ["Another mail", mail.subject]

    async def test_a_repeat_under_the_same_key_has_the_same_id(self, sender: Sender, mail: Email) -> None:
        ids = {await sender.send(mail, "key-1"), await sender.send(mail, "key-1")}

        assert len(ids) == (1 if self.knows_keys else 2)

    async def test_it_can_be_closed_unused(self, sender: Sender) -> None:
        await sender.close()


class RefusingSenderContract(SenderContract):
    """Further rules for providers that can refuse: `refuse` makes the provider refuse, `nobody` cannot be reached."""

    async def test_a_mail_that_is_refused_for_good_says_so(
        self, sender: Sender, refuse: Callable[[], None], delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        refuse()
        with pytest.raises(SendRefused):
            await sender.send(mail, "key-1")
        assert delivered() == []

    async def test_where_nobody_answers_it_is_certain_that_nobody_has_it(self, nobody: Sender, mail: Email) -> None:
        with pytest.raises(SendRetryable) as failure:
            await nobody.send(mail, "key-1")
        assert failure.value.not_accepted
