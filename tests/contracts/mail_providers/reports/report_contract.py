"""What the webhook of every provider keeps to: which reports it believes, and what it takes from
them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from tests.servers.mail_providers.answers import Request

from keyturn.mail.port.reports import DeliveryReport, ReportRefused, Webhook

ADA = "ada@northwind.test"
LONGEST_ID = 80
"""Characters of a report's id that are stored."""

Make = Callable[[], Request]
"""Makes a delivery when the test runs, since a signature holds for minutes only."""

Meaning = tuple[str, dict[str, Any], str, str, bool]
"""The kind of a report, its fields that differ, and what they mean: event, detail, and whether
mails to it end.
"""


def without(name: str, make: Make) -> Request:
    sent = make()
    return Request(
        headers={other: value for other, value in sent.headers.items() if other != name},
        body=sent.body,
    )


async def read_one(webhook: Webhook, sent: Request) -> DeliveryReport:
    (found,) = await webhook.read(sent.headers, sent.body)
    return found


class ReportContract:
    """Holds the webhook of a provider to what it promises.

    A subclass has the fixture `webhook`, of its module's `PROVEN_BY` or its own, and these
    attributes:

    name: the provider's name.
    genuine: deliveries of a mail that has arrived, one for each secret; all headers but
    content-type prove them.
    forged: deliveries that nothing proves. `refusal` is a pattern of the sentence that refuses
    each.
    secret: the secret that no refusal and no traceback may contain, if there is one.
    report: makes a genuine delivery of a kind.
    bounce: the provider's id and the time of a bounce, and the detail of its report.
    meanings: what each kind of report means.
    about_no_mail: genuine deliveries about nothing that we sent.
    senseless: deliveries that are refused, since they do not have the form of a report.
    """

    name: str
    genuine: Sequence[Make]
    forged: Sequence[Make]
    refusal: str | None = None
    secret = ""
    report: ClassVar[Callable[..., Request]]
    bounce: tuple[str, datetime, str]
    meanings: Sequence[Meaning]
    about_no_mail: Sequence[Make]
    senseless: Sequence[Make]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        proving = self.genuine[0]().headers.keys() - {"content-type"}
        for parameter, values in {
            "genuine_one": self.genuine,
            "forged_one": [
                *self.forged,
                *(partial(without, name, self.genuine[0]) for name in sorted(proving)),
            ],
            "meaning": self.meanings,
            "unrelated": self.about_no_mail,
            "senseless_one": self.senseless,
        }.items():
            if parameter in metafunc.fixturenames:
                metafunc.parametrize(parameter, values)

    async def test_each_secret_proves_a_report(self, webhook: Webhook, genuine_one: Make) -> None:
        assert (await read_one(webhook, genuine_one())).event == "delivered"

    async def test_nothing_else_does(self, webhook: Webhook, forged_one: Make) -> None:
        sent = forged_one()
        with pytest.raises(ReportRefused, match=self.refusal) as refused:
            await webhook.read(sent.headers, sent.body)
        if self.secret:
            assert self.secret not in f"{refused.value} {webhook!r}"

    async def test_a_report_names_the_mail_the_mailbox_and_the_time(self, webhook: Webhook) -> None:
        provider_id, at, detail = self.bounce
        found = await read_one(
            webhook, type(self).report("bounced", provider_id, to=ADA, key="0a1b", at=at)
        )

        assert 0 < len(found.id) <= LONGEST_ID
        assert found == DeliveryReport(
            provider=self.name,
            id=found.id,
            event="bounced",
            detail=detail,
            at=at,
            provider_id=provider_id,
            key="0a1b",
            to=ADA,
            ends=True,
        )

    async def test_a_repeat_has_the_same_id_and_another_report_another(
        self, webhook: Webhook
    ) -> None:
        make, (_, at, _) = type(self).report, self.bounce
        one = make("bounced", "1", to=ADA, at=at)
        others = [
            make("delivered", "1", to=ADA, at=at),
            make("bounced", "1", to=ADA, at=at + timedelta(seconds=1)),
        ]

        first, again, *later = [(await read_one(webhook, sent)).id for sent in (one, one, *others)]
        assert first == again
        assert len({first, *later}) == 3

    async def test_each_kind_has_its_meaning(self, webhook: Webhook, meaning: Meaning) -> None:
        kind, fields, *meant = meaning
        found = await read_one(webhook, type(self).report(kind, "1", to=ADA, **fields))
        assert [found.event, found.detail, found.ends] == meant

    async def test_what_is_about_no_mail_of_ours_is_nothing(
        self, webhook: Webhook, unrelated: Make
    ) -> None:
        sent = unrelated()
        assert await webhook.read(sent.headers, sent.body) == []

    async def test_what_makes_no_sense_is_refused(
        self, webhook: Webhook, senseless_one: Make
    ) -> None:
        sent = senseless_one()
        with pytest.raises(ReportRefused):
            await webhook.read(sent.headers, sent.body)
