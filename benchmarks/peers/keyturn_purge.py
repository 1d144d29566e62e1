"""Runs the purge of Keyturn's worker as if every settled row had expired: `... DATABASE_URL`."""

import asyncio
import os
import sys
from datetime import timedelta

from benchmarks.peers.keyturn import environment
from keyturn.database import now
from keyturn.parts import Parts
from keyturn.settings.reading import read_settings

_LATER = timedelta(days=10_000)


async def main() -> None:
    parts = Parts(read_settings())
    found = await parts.retention.purge(now() + _LATER)
    print(sum(found.values()))
    await parts.close()


if __name__ == "__main__":
    os.environ.update(environment(sys.argv[1]))
    asyncio.run(main())
