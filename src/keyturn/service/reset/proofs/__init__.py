"""What a user proves besides holding a link: a challenge on the form, a code in the mail, a second
step.

**A challenge comes before all expensive work**, even before the limit of requests, and the form
asks for it whatever the address is. A service that gives no judgement (503) is not a wrong answer,
and no input of a client causes it.

**An answer to a challenge works once.** ALTCHA's library accepts the same answer until it expires
(CVE-2026-3214 is the consequence).

**A try at a code is counted before the code is compared**, in one statement: of any number of
concurrent tries, no more than the limit are compared. In Pentagrid's race at Cognito, 2021, 1,587
were; CVE-2024-0227 is another such fault.

Declined: ALTCHA's widget in keyturn.js. It styles the page around it, and needs a worker script
from its own origin, while the puzzle is one WebCrypto call in a loop. The hosted pages use the
widget as its makers built it.
"""
