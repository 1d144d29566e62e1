"""What a process tells of itself: logs, figures, traces, and what a failed call is called in all of them.

Nothing here holds a token, a password or a whole email (OWASP ASVS 16.2.5): the code writes none, a log line is
searched once more on its way out, an attribute of a span is a name or a number, and a label of a metric comes from a
fixed list, so that no client can make series without end.

Declined: Litestar's plugins for Prometheus and OpenTelemetry. The first has one registry for the process, so two apps
in it would add up; the second writes raw paths, and so tokens, into spans.
"""
