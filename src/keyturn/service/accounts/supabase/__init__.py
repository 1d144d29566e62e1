"""Accounts at Supabase Auth, alone or with users looked up in a table.

An address that was never confirmed becomes confirmed by its first link, as with a link of Supabase's own. Before that,
no mail contains the name. Once Supabase has accepted a password it is changed, even if the table could not note it.
Declined: `supabase-auth`, which brings pydantic and pyjwt for three calls, and whose list of users has no filter.
"""
