"""A Django project in a process of its own, since Django has one project in each, and what is asked
of it there.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.studio.engines.opened import PROJECT, Ask, Opened, open_here

from keyturn.studio.renderers import Limits, RendererPool


@pytest.fixture(scope="package")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Have something done in the project's process."""
    folder = tmp_path_factory.mktemp("django") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with closing(RendererPool(Opened(), Limits(seconds=60), 1)) as workers:
        workers.run(open_here, folder)
        yield workers.run
