"""The floor of a reset: bcrypt alone in a loop. Makes as many hashes as are asked for, and says how long it took."""

import os
import sys
import time

import bcrypt
import msgspec

from benchmarks.peers import COST, PASSWORD


def main(hashes: int) -> None:
    begun = time.perf_counter()
    salt = bcrypt.gensalt(COST)
    for _ in range(hashes):
        bcrypt.hashpw(PASSWORD.encode(), salt)
    seconds, used = time.perf_counter() - begun, os.times()
    sys.stdout.write(msgspec.json.encode({"seconds": seconds, "cpu": used.user + used.system}).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
