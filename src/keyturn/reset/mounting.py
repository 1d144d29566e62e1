"""How routers are nested without the price of it."""

from typing import Any, Self

from litestar import Router


class MountedOnce(Router):
    """A router that stands in one place alone.

    Litestar copies a router deeply wherever one is registered (`Router.register`), so that it may stand in several.
    With routers in routers that is half of the time in which an application is built.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
