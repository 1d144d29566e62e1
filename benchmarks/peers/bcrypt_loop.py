"""The floor of a reset: bcrypt alone in a loop. Makes as many hashes as are asked for, and says how long it took."""

import sys
import time

import bcrypt
import msgspec

from benchmarks.peers import COST, PASSWORD


def main(hashes: int) -> None:
    begun, before = time.perf_counter(), time.process_time()
    salt = bcrypt.gensalt(COST)
    for _ in range(hashes):
        bcrypt.hashpw(PASSWORD.encode(), salt)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - before
    sys.stdout.write(msgspec.json.encode({"seconds": seconds, "cpu": cpu}).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
