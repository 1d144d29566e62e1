"""What every sender keeps to: a subclass has the fixtures `sender` and `delivered`, the subjects that arrived.

The tests are coroutines and marked for pytest-asyncio.
"""

from collections.abc import Callable

import msgspec
import pytest

from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender

Delivered = Callable[[], list[str]]


class SenderContract:
    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def knows_keys(self) -> bool:
        """Tell whether a repeat has the same id and is delivered once."""
        return True

    async def test_mails_arrive_in_order_each_under_its_id_and_a_repeat_once_if_its_key_is_known(
        self, sender: Sender, delivered: Delivered, mail: Email, knows_keys: bool
    ) -> None:
        other = msgspec.structs.replace(mail, subject="Another mail")
        ids = [await sender.send(one, key) for one, key in ((mail, "key-1"), (mail, "key-1"), (other, "key-2"))]

        assert all(ids)
        assert len(set(ids)) == (2 if knows_keys else 3)
        assert delivered() == [mail.subject] * (1 if knows_keys else 2) + ["Another mail"]

    async def test_it_can_be_closed_unused(self, sender: Sender) -> None:
        await sender.close()


class RefusingSenderContract(SenderContract):
    """Further rules for providers that can refuse: `refuse` makes the provider refuse, `nobody` cannot be reached."""

    async def test_a_mail_that_is_refused_for_good_says_so_by_its_code_alone(
        self, sender: Sender, refuse: Callable[[], None], delivered: Delivered, mail: Email
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
