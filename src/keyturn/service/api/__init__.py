"""The JSON API. Handlers read a request into a schema, call one method of `reset`, and write its
result.

An application of their own answers these routes in an app with the plugin: the app's guard for
signed-in users would lock out users who cannot sign in, and its error handlers would rewrite
answers that frontends rely on. Only answers of 500 and above carry `X-Request-ID`: a random header
on the others would break the byte-identical answers for known and unknown addresses.
Declined: Litestar's rate-limit middleware, which counts without atomicity across processes, and its
session
middleware: a session must end with the transaction that changes the password.
"""
