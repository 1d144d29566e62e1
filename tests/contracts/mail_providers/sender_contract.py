"""The rules for every sender, as a test suite with a subclass for each kind.

A subclass gives the fixtures `sender` and `delivered`, the subjects of the mails that arrived. The tests are coroutines
and marked for pytest-asyncio.
"""

from collections.abc import Callable

import msgspec
import pytest

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender


class SenderContract:
    """Tests that a sender keeps the port's promises."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def knows_keys(self) -> bool:
        """Tell whether a repeat has the same id. Without idempotency keys it arrives again, under another one."""
        return True

    async def test_an_accepted_mail_arrives_and_has_an_id(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        assert await sender.send(mail, "key-1")
        assert delivered() == [mail.subject]

    async def test_two_mails_arrive_in_order_under_two_ids(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        other = msgspec.structs.replace(mail, subject="Another mail")
        ids = {await sender.send(mail, "key-1"), await sender.send(other, "key-2")}

        assert len(ids) == 2
        assert delivered() == [mail.subject, "Another mail"]

    async def test_a_repeat_has_the_same_id_where_its_key_is_known(
        self, sender: Sender, mail: Email, knows_keys: bool
    ) -> None:
        ids = {await sender.send(mail, "key-1"), await sender.send(mail, "key-1")}

        assert len(ids) == (1 if knows_keys else 2)

    async def test_it_can_be_closed_unused(self, sender: Sender) -> None:
        await sender.close()


class RefusingSenderContract(SenderContract):
    """Further rules for providers that can refuse: `refuse` makes the provider refuse, `nobody` cannot be reached."""

    async def test_a_mail_that_is_refused_for_good_says_so_by_its_code_alone(
        self, sender: Sender, refuse: Callable[[], None], delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        refuse()
        with pytest.raises(SendRefused, match=r"4|SMTP 5") as failure:
            await sender.send(mail, "key-1")

        assert mail.to not in failure.value.reason
        assert not failure.value.account
        assert delivered() == []

    async def test_where_nobody_answers_it_is_certain_that_nobody_has_it(self, nobody: Sender, mail: Email) -> None:
        with pytest.raises(SendRetryable) as failure:
            await nobody.send(mail, "key-1")
        assert failure.value.not_accepted
