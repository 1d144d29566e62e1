"""The worker does the same for every address, so that neither its time nor the database's tells who
has an account.
"""

from pathlib import Path
from typing import Any

import jinja2
import pytest
from sqlalchemy import Engine, event
from tests.driver.own_mail import write_own_mail
from tests.driver.service import ADA, DAN, GRACE, NOBODY, Start
from tests.driver.statements import statements_sent

pytestmark = pytest.mark.long

COOLING = "cooling@northwind.test"
EVERYBODY = (ADA, NOBODY, DAN, GRACE, COOLING)


def without_values(statement: str) -> str:
    """Return a statement without what it sets: a message that was sent and one that was dropped
    differ in that.
    """
    return (
        statement.partition(" SET ")[0]
        if statement.startswith("UPDATE keyturn_outbox")
        else statement
    )


@pytest.mark.parametrize("has_codes", [False, True])
async def test_the_worker_runs_the_same_statements_for_every_address(
    start: Start, has_codes: bool
) -> None:
    service = await start(token={"code": has_codes})
    await service.add(COOLING)
    await service.link(COOLING)
    await service.add("invited@northwind.test", awaits_password=True)
    work = {}
    for email in (*EVERYBODY, "invited@northwind.test"):
        await service.ask(email)
        with statements_sent() as statements:
            await service.deliver()
        work[email] = [without_values(statement) for statement in statements]
    assert work == dict.fromkeys(work, work[NOBODY])
    assert len(service.inbox.mails) == 4  # Ada's, Grace's, that of the invited, and the one before
    assert any("INSERT INTO keyturn_secrets" in statement for statement in work[NOBODY])


async def test_a_mail_is_rendered_and_sealed_for_everybody_and_in_no_transaction(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(mail={"transport": "capture", "templates": write_own_mail(tmp_path)})
    await service.add(COOLING)
    await service.link(COOLING)
    open_transactions: set[int] = set()
    rendered = []
    render = jinja2.Template.render

    def begin(connection: Any) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            open_transactions.add(id(connection))

    def render_and_note(template: jinja2.Template, *given: Any) -> str:
        if str(template.name).endswith(".mjml"):
            rendered.append(len(open_transactions))
        return render(template, *given)

    monkeypatch.setattr(jinja2.Template, "render", render_and_note)

    def end(connection: Any) -> None:
        open_transactions.discard(id(connection))

    noted = {"begin": begin, "commit": end, "rollback": end}
    for name, note in noted.items():
        event.listen(Engine, name, note)
    try:
        for email in EVERYBODY:
            await service.ask_and_deliver(email)
        await service.add("ben@northwind.test")
        await service.reset(await service.link("ben@northwind.test"))
        await service.deliver()
    finally:
        for name, note in noted.items():
            event.remove(Engine, name, note)

    assert rendered == [0] * (len(EVERYBODY) + 2)  # and the link of a reset, and its confirmation
