"""The domain: asking for a link, checking it, choosing a new password."""
