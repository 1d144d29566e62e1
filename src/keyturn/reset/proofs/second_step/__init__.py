"""A second step: where an account has a second factor, control of its mailbox alone sets no password (ASVS 6.4.3).

**`required.py` decides, the port compares.** A try is counted against the link and the account before anything is
compared, in one guarded statement each, so that of fifty at once no more than the limit are (the fault of AWS Cognito
in 2021 and of CVE-2024-0227). A new link, or a new code, does not begin the account's count anew (NIST 3.1.3.2). What
was not found wrong gives its try back.

**A code is spent in the transaction that uses the link up**, by a statement that only one can win: a step of TOTP that
is larger than the last one, a recovery code or a message's that was not used. What undoes the change gives it
back, and only a change that stands is written down as passed.

**Rules for passwords come first**, so that a code is not spent on a bad password; whether it is the password that the
account has is looked at last, or who holds the mailbox alone could guess at it.

**What cannot be checked is asked for all the same** (`"other"`): a seed that cannot be read, a factor of another kind.
To leave it out would turn a lost key into a way round.

A change of a password by who is signed in and knows it, asks for none of this. pyotp knows no replay, no tries and no
seeds of 80 bits, which many apps have: the first two are above, and `totp.py` has the third.
"""
