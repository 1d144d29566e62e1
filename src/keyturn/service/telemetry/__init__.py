"""Logs, metrics and traces of a process, and the names that they use for a failed call.

Nothing here holds a token, a password or a whole email (OWASP ASVS 16.2.5), and each log line is
searched for them.
Declined: Litestar's plugins for Prometheus, with one registry for the process, and OpenTelemetry,
which writes raw paths, and so tokens, into spans.
"""
