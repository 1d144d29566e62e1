"""What happens to the database of a running service: other versions migrate it, tables and the whole of it are lost."""

import asyncio
from collections.abc import Callable

from sqlalchemy import text
from tests.driver.service import Service


async def lose_migrations(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_migrations")


async def go_back_to_an_older_version(service: Service) -> None:
    await _run(service, "UPDATE keyturn_migrations SET version_num = '0000'")


async def let_a_newer_version_add(service: Service) -> None:
    """Add a column that only a newer version knows."""
    await _run(service, "ALTER TABLE keyturn_secrets ADD COLUMN newer TEXT", _NEWER)


async def let_a_newer_version_take_away(service: Service) -> None:
    """Rename a column that this version needs."""
    await _run(service, "ALTER TABLE keyturn_mailboxes RENAME COLUMN suppressed_until TO kept_until", _NEWER)


_NEWER = "UPDATE keyturn_migrations SET version_num = '9999'"


async def lose_outbox(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_outbox_events", "DROP TABLE keyturn_outbox")


async def lose_sessions(service: Service) -> None:
    await _run(service, "DROP TABLE keyturn_sessions")


async def lose_database(service: Service, drop: Callable[[str], None], url: str) -> None:
    """Drop the service's database with its connections."""
    await service.parts.database.close()
    await asyncio.to_thread(drop, url)


async def lose_connections(service: Service) -> None:
    """Close all connections, so that the service opens its database anew."""
    await service.parts.database.close()


async def _run(service: Service, *statements: str) -> None:
    for statement in statements:
        await service.write(text(statement))
