"""The request that functions of an app's environment need, such as `url_for` of Starlette, FastAPI and Litestar."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any
from urllib.parse import quote

HOST = "www.example.org"  # the host of an app that names none
_FRAMEWORKS = {
    "starlette.templating": ("starlette.requests", ("url_path_for", "router")),
    "litestar.template.base": ("litestar.connection", ("route_reverse",)),
}
"""By the module of `url_for`: the module of the class `Request`, and attributes of an app."""


def request_for(url_for: object, objects: Iterable[object]) -> Any:
    """Return a request to the app among the objects, or to one that has every route; None for other frameworks."""
    if not (framework := _FRAMEWORKS.get(getattr(url_for, "__module__", ""))):
        return None
    module, attributes = framework
    apps = (one for one in objects if not isinstance(one, type) and all(hasattr(one, name) for name in attributes))
    app = next(apps, _AnyRoute())
    scope: dict[str, object] = dict.fromkeys(("app", "litestar_app", "router"), app)
    scope |= {"type": "http", "method": "GET", "scheme": "https", "server": (HOST, 443), "client": None}
    scope |= {"path": "/", "raw_path": b"/", "root_path": "", "query_string": b"", "path_params": {}}
    scope |= {"headers": [(b"host", HOST.encode())], "session": {}, "state": {}}
    return import_module(module).Request(scope)


class _AnyRoute:
    """Stands in for an app that is not in the module of the environment."""

    def route_reverse(self, route_name: object, /, **parameters: object) -> str:
        parts = (str(part).strip("/") for part in (route_name, *parameters.values()))
        return quote("/" + "/".join(parts), safe="/:")

    def url_for_static_asset(self, name: str, file_path: str) -> str:
        return self.route_reverse(name, path=file_path)

    def url_path_for(self, name: str, /, **parameters: object) -> Any:
        return import_module("starlette.datastructures").URLPath(self.route_reverse(name, **parameters))
