"""From a message in the outbox to a mail or a webhook: one handler for each kind of message, in a file of its own.

`parts.Parts` puts the handlers into lanes. What those of mails share is `mail_delivery.py`: a mail is rendered once, in
the transaction that stores its link, and kept sealed in its row, so that each retry sends the identical body.

**A transport that may have a mail is the only one asked again for it**, under the same key; the other is asked where
the first certainly did not accept it, or refuses our key (`failover.py`).

**A theme is brand, palette and languages**, one for each kind of account that differs; mails and pages choose it once
it is known who it is. **Links are made from the settings alone**, never from a request's headers (CVE-2017-8295).
"""
