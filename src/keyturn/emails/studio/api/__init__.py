"""The captured mails for programs: end-to-end tests above all, in any language.

Paths and shapes are Mailpit's where they fit, so that its clients work (https://mailpit.axllent.org/docs/api-v1/),
under `/api` and `/api/v1` alike; waiting, links, codes and a filter by recipient are added to them. What is refused is
a problem document (RFC 9457).

Declined: Mailpit's WebSocket of events: `wait` tells a test the same in the request that it makes anyway, and the
server brings no library for WebSockets. Its link check: it asks for every link, and that uses links up.
"""
