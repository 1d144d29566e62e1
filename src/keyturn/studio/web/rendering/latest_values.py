"""The store of everything that the studio keeps for the next page: mails, findings, verdicts."""

from collections.abc import Callable, Mapping
from math import inf
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from cachetools import FIFOCache

from keyturn.studio.gallery.gallery import Fingerprint

MOMENT = 0.1  # seconds of one round. Between two rounds a save gets its turn.
K = TypeVar("K")
V = TypeVar("V")


class LatestValues(Generic[K, V]):
    """Keeps the latest values and the fingerprints of their files, for any thread.

    `revision` changes with them.
    """

    def __init__(self, most: float = inf) -> None:
        self.revision = 0
        self._values: FIFOCache[K, tuple[Fingerprint | None, V]] = FIFOCache(most)
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            _, value = self._values.get(key, (None, None))
        return value

    def is_new(self, key: K, files: Fingerprint | None) -> bool:
        """Tell whether no value is kept under the key, or only one of other files."""
        with self._lock:
            entry = self._values.get(key)
        return entry is None or entry[0] != files

    def put(self, key: K, value: V, files: Fingerprint | None = None) -> None:
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = files, value
            self.revision += 1

    def renew(
        self, files: Mapping[K, Fingerprint | None], make: Callable[[K], V], seconds: float
    ) -> int:
        """Make the values of changed files again until the time is over; return how many are left.

        Forget other keys.
        """
        with self._lock:
            for key in self._values.keys() - files.keys():
                del self._values[key]
                self.revision += 1
        until = monotonic() + seconds
        new = [key for key in files if self.is_new(key, files[key])]
        for done, key in enumerate(new, 1):
            self.put(key, make(key), files[key])
            if monotonic() > until:
                return len(new) - done
        return 0

    def items(self) -> list[tuple[K, V]]:
        """Return the kept values, the latest at the end."""
        with self._lock:
            return [(key, value) for key, (_, value) in self._values.items()]
