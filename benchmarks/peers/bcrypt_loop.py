"""The floor of a reset: bcrypt alone in a loop, for as many seconds as are asked for. Says how many hashes it made."""

import os
import sys
import time

import bcrypt
import msgspec

from benchmarks.peers import COST, PASSWORD


def main(seconds: float) -> None:
    made, begun = 0, time.perf_counter()
    salt = bcrypt.gensalt(COST)
    while (passed := time.perf_counter() - begun) < seconds:
        bcrypt.hashpw(PASSWORD.encode(), salt)
        made += 1
    used = os.times()
    sys.stdout.write(msgspec.json.encode({"made": made, "seconds": passed, "cpu": used.user + used.system}).decode())


if __name__ == "__main__":
    main(float(sys.argv[1]))
