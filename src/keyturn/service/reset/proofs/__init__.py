"""Proofs that a request needs besides a link: a challenge on the form, a code beside the link, a
second step.

**A challenge comes before all expensive work**, even before a request's own limit, and the form
asks for it whatever the address is. An unavailable judge (503) is not a wrong answer, and no input
of a client causes it.

**An answer counts once.** ALTCHA's library accepts the same answer until it expires (CVE-2026-3214
is the consequence).

**A code is counted before it is compared**, in one statement: of any number of tries at once, no
more than the limit are compared. In Pentagrid's race at Cognito, 2021, 1,587 were; CVE-2024-0227 is
another such fault.

Declined: ALTCHA's widget in keyturn.js. It styles the page around it and needs a worker from its
own origin; the puzzle is one WebCrypto call in a loop. The hosted pages run the widget as its
makers built it.
"""
