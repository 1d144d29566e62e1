"""The second step: if an account has a second factor, control of its mailbox is not enough to set a
password (ASVS 6.4.3).

**A code is used up in the transaction that uses the link up**, and given back if the change is
undone. The audit trail records a passed step only once the change is final.

**Factors that cannot be checked are still required** (`"other"`), such as a seed that cannot be
decrypted, or a factor of another kind. If they were left out, a lost key would become a bypass.

A signed-in user who changes a known password needs no second step. The codes are calculated by
`cryptography`, which does not protect against replays and does not limit tries: this package does.
"""
