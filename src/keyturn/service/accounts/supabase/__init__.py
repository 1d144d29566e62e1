"""Accounts at Supabase Auth, alone or with users looked up in a table of the app.

Declined: the library `supabase-auth`. It needs pydantic and pyjwt for three calls, and its list of
users has no filter.
"""
