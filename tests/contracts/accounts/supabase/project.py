"""A project at the Supabase Auth of this machine, as the app's own frontend and an operator see it."""

import ssl
from collections.abc import Callable
from typing import Any

import httpx2
from tests.servers.supabase import SupabaseServer

from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.service.settings import AccountSettings, Secret, SupabaseSettings

ADA = "ada@northwind.example"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It is http here, and reading the machine's certificates takes longer than a test."""

OLD, NEW = "seven quiet harbours", "eight loud harbours"


Opened = Callable[..., SupabaseAccounts]


class Project:
    """`server` may be another for each test; the address stays."""

    def __init__(self) -> None:
        self.server = SupabaseServer()
        self.url = ""

    def account_settings(self) -> AccountSettings:
        key = Secret(self.server.service_role_key)
        return AccountSettings(store="supabase", supabase=SupabaseSettings(url=self.url, service_role_key=key))

    async def ask(
        self, method: str, path: str, *, key: str = "", bearer: str | None = None, new: bool = True, **content: Any
    ) -> httpx2.Response:
        key = key or self.server.service_role_key
        headers = {"apikey": key, "authorization": f"Bearer {key}" if bearer is None else bearer}
        if new:
            headers["x-supabase-api-version"] = "2024-01-01"
        async with httpx2.AsyncClient(verify=NO_TLS) as client:
            return await client.request(method, f"{self.url}/auth/v1{path}", headers=headers, **content)

    async def sign_in(self, email: str, password: str) -> httpx2.Response:
        return await self._token("password", {"email": email, "password": password})

    async def refresh(self, refresh_token: str) -> httpx2.Response:
        return await self._token("refresh_token", {"refresh_token": refresh_token})

    async def _token(self, grant: str, fields: dict[str, str]) -> httpx2.Response:
        return await self.ask("POST", f"/token?grant_type={grant}", key=self.server.anon_key, json=fields)
