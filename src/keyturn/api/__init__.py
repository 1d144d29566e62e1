"""The JSON API: what it takes, which part does it, what it answers.

Controllers decide nothing. They read a request into a schema, call one method of `reset`, and write what it returns;
what it raises, `problems` writes as an RFC 9457 document, by what its class says (`keyturn.problems`).

**One value, one dependency.** A controller gets a `ResetApi` and not its parts: Litestar resolves several
dependencies in a task group, which costs as much as the rest of the request.

**A router is mounted once** (`mounting`), so Litestar need not copy it for every app: a test suite builds the app
hundreds of times. **Mounted apart**: of a Litestar app around the plugin only its middleware counts for these routes.
A guard that asks who is signed in would shut the one door for those who cannot, and error handlers would rewrite the
answers that frontends rely on.

**Problem types are URNs** (`urn:keyturn:problem:link-dead`): stable names that promise no page.

**A request is named where it failed** (`request_id`). Only answers of 500 and above carry `X-Request-ID`: a random
header on the others would break the byte-identical answers for known and unknown addresses. Logs, outbox, audit, mail
and traces carry it always; one that comes in is ignored.

**`/metrics` answers its bearer**, or without a token loopback peers alone and only while `base_url` is loopback,
since a proxy on the same machine is a loopback peer, too (OWASP ASVS 13.4.5).

Declined: Litestar's rate-limit middleware, which reads and writes without atomicity across processes and leaves the
path out of its key, while `limits` does both. Its session middleware: a session must end with the transaction that
changes the password.
"""
