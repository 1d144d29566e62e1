"""Logs, metrics and traces of a process, and the names that they use for a failed call.

Nothing here holds a token, a password or a whole email (OWASP ASVS 16.2.5). The code writes none, and each log line is
searched again before it is written. An attribute of a span is a name or a number. A label of a metric comes from a
fixed list, so that clients cannot create unlimited series.

Declined: Litestar's plugins for Prometheus and OpenTelemetry. The first has one registry for the process, so two apps
in a process would add up; the second writes raw paths, and so tokens, into spans.
"""
