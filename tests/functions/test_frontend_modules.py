"""How the modules of `frontend/` become one file."""

import pytest

from keyturn.service.pages.frontend import code_lines


def test_lines_of_code() -> None:
    """Imports, comments on lines of their own and blank lines are left out."""
    module = '// Why.\nimport { a } from "./a.js";\n\n/**\n * Long.\n */\n  a(); // behind code\n'
    assert list(code_lines(module)) == ["a(); // behind code"]


@pytest.mark.parametrize("module", ["/** @type {A} */ (a).b();", "/*\n Long. */ a();"])
def test_code_behind_a_comment_is_refused(module: str) -> None:
    """Code that follows a comment on its line is an error, since it would be left out."""
    with pytest.raises(ValueError, match="code follows a comment"):
        list(code_lines(module))
