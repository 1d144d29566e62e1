"""The floor of a reset: bcrypt alone. Makes the given number of hashes, some of them at once, and times them."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import bcrypt
import msgspec

from benchmarks.peers import COST, PASSWORD


def main(hashes: int, at_once: int) -> None:
    salt = bcrypt.gensalt(COST)

    def time_hash(_: int) -> float:
        start = time.perf_counter()
        bcrypt.hashpw(PASSWORD.encode(), salt)
        return (time.perf_counter() - start) * 1e3

    begun, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(at_once) as pool:
        times = list(pool.map(time_hash, range(hashes)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - before
    took = {"seconds": seconds, "cpu": cpu, "p50": median(times), "slowest": max(times)}
    sys.stdout.write(msgspec.json.encode(took).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
