"""The logs, metrics and traces of a process.

They hold no token, no password and no whole address (OWASP ASVS 16.2.5), and each log line is
searched for tokens, hashes and addresses.

Declined: Litestar's plugin for Prometheus, which has one registry for the process. Its plugin for
OpenTelemetry, which writes raw paths, and so tokens, into spans.
"""
