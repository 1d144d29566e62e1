"""A Supabase Auth that answers on this machine, and a store that asks it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contracts.accounts.supabase.project import Opened, Profiles, Project
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseServer

from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.service.accounts.supabase.admin_api import TIMEOUT
from keyturn.service.settings import Secret, SupabaseSettings


@pytest.fixture(scope="session")
def supabase_project() -> Iterator[Project]:
    project = Project()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await project.server(scope, receive, send)

    with serving(app) as project.url:
        yield project


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.server = SupabaseServer()
    return supabase_project


@pytest.fixture
async def opened(project: Project) -> AsyncIterator[Opened]:
    """Return a function that opens a store of the project with some settings changed."""
    settings = SupabaseSettings(url=project.url, service_role_key=Secret(project.server.service_role_key))
    async with AsyncExitStack() as stack:

        def open_store(patience: timedelta = TIMEOUT, **changes: Any) -> SupabaseAccounts:
            store = SupabaseAccounts(msgspec.structs.replace(settings, **changes), patience)
            stack.push_async_callback(store.close)
            return store

        yield open_store


@pytest.fixture
def accounts(opened: Opened) -> SupabaseAccounts:
    return opened()


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "people.db")
