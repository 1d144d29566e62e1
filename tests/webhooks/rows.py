"""The webhooks of a service in its outbox."""

from sqlalchemy import select, update
from tests.driver.service import Service

from keyturn.service.clock import now
from keyturn.service.outbox.models import OutboxRow


async def states(service: Service) -> list[tuple[str, str, str | None]]:
    """Return the kind, the state and the reason of every webhook."""
    rows = await service.rows(select(OutboxRow.__table__).order_by(OutboxRow.id))
    return [(row["kind"], row["state"], row["reason"]) for row in rows if row["kind"].startswith("webhook_")]


async def make_due(service: Service) -> None:
    """Let every pause be over."""
    await service.write(update(OutboxRow).values(available_at=now()))


async def deliver_again(service: Service) -> None:
    """Work everything off, as if every pause were over."""
    await make_due(service)
    await service.deliver()
