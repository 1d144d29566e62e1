"""How routers are nested without the price of it, and apart from the app that they are in."""

from typing import Any, Self

from litestar import Litestar, Router


class MountedOnce(Router):
    """A router that stands in one place alone.

    Litestar copies a router deeply wherever one is registered (`Router.register`), so that it may stand in several.
    With routers in routers that is half of the time in which an application is built.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class MountedApart(MountedOnce):
    """A router that takes nothing of the app it stands in but the middleware.

    Litestar hands down what an app has said for its own routes: guards, hooks before and after a request, handlers of
    errors, dependencies, encoders, headers, limits (`BaseRouteHandler.ownership_layers`). None of it was meant for
    routes that the app did not write, and a guard that asks who is signed in would close the one door for those who
    cannot sign in. What such middleware asks for, by Litestar's convention, is said in `opt`.
    """

    @property
    def owner(self) -> Router | None:
        return None

    @owner.setter
    def owner(self, app: Router | None) -> None:
        if isinstance(app, Litestar):
            self.middleware = [*app.middleware, *self.middleware]
            self.opt = {**self.opt, "exclude_from_auth": True}
            if app.csrf_config:  # forms bring tokens of our own, and JSON is no simple request
                self.opt[app.csrf_config.exclude_from_csrf_key] = True
