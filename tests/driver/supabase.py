"""Supabase Auth as the demo has it: a server in this process, in place of a project."""

from tests.driver.supabase_server import SupabaseServer

__all__ = ["SupabaseServer"]
