"""Supabase Auth as the demo has it: a server in this process, in place of a project."""

from keyturn.cli.demo.supabase_server import SupabaseServer

__all__ = ["SupabaseServer"]
