"""What is asked for besides a link: a challenge on the form, a code beside the link, a second step.

**A challenge stands before everything that costs**, a request's own limit among it, and is asked for whatever the
address is. What is not answered is told apart from what is answered wrongly: `on_failure` governs the first alone, and
nothing that a client sends may bring it about, or "open" would be a way round.

**An answer counts once.** ALTCHA's library verifies the same one until it expires (CVE-2026-3214 is what comes of
that), so those that were taken are remembered in the database, which all processes share.

**A code is counted before it is compared**, in one statement: of any number that are tried at once five are looked at
(Pentagrid's race at Cognito, 2021, had 1,587). What is counted belongs to the mailbox, so that another
mail gives no hundred more (NIST SP 800-63B 3.1.3.2, 3.2.2).

Declined: the widget of ALTCHA in keyturn.js. It styles the page around and wants a worker from its own origin; the
puzzle is one call of WebCrypto in a loop. On the hosted pages it is the widget that runs, as its makers built it.
"""
