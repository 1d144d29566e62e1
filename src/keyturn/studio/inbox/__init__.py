"""The inbox for any app: it keeps the mails that arrive over SMTP or as files in its folder.

For development: it accepts any mail for any address, and delivers none. Input is bounded before it
is read. Links are never fetched: a GET on a reset link may use it up. Declined: other parsers
(`mail-parser`, `flanker`: they wrap Python's, or are no longer maintained); Python's newer header
policy, which takes seconds for long headers; an index.
"""
