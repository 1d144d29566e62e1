"""What commands load: a list is shown at once."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

OF_MAILS_AND_PAGES = {"jinja2", "babel", "prometheus_client", "keyturn.service.container"}


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    "words",
    [("outbox", "list"), ("audit",), ("mailbox", "show", "ada@northwind.example")],
    ids=lambda words: words[0],
)
def test_lists_load_no_templates(words: tuple[str, ...], workplace: Path) -> None:
    """A command that reads Keyturn's records loads what it needs for them, and neither templates
    nor pages.
    """
    program = (
        "import atexit, sys, keyturn.cli; atexit.register(lambda: print(*sys.modules)); "
        "keyturn.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=workplace,
        capture_output=True,
        text=True,
        check=True,
    )

    assert OF_MAILS_AND_PAGES.intersection(done.stdout.split()) == set()
