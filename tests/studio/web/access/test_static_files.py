"""The studio's own scripts and styles: the files of one folder, and nothing else of this machine."""

import pytest
from tests.studio.web.fixtures import Client


def test_a_file_is_answered_with_its_type_and_the_headers_of_the_studio(client: Client) -> None:
    script, style, nested = (
        client.get(f"/studio/static/{name}") for name in ("studio.js", "studio.css", "editing/editor.js")
    )
    assert (script.status_code, style.status_code, nested.status_code) == (200, 200, 200)
    assert script.headers["content-type"].partition(";")[0] in {"text/javascript", "application/javascript"}
    assert style.headers["content-type"].partition(";")[0] == "text/css"
    assert script.headers["cache-control"] == "no-cache"
    assert script.headers["x-content-type-options"] == "nosniff"
    assert client.head("/studio/static/studio.js").headers["etag"] == script.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        *("%00", "%ff", "/etc/passwd", "%2fetc/passwd", "..%2fbase.html", "editing/%2e%2e/%2e%2e/base.html"),
        *("studio.css/x", "editing", "a" * 300, "a/" * 3_000, "", "/"),
    ],
)
@pytest.mark.long
def test_a_path_that_names_no_file_of_the_folder_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/studio/static/{path}").status_code == 404
