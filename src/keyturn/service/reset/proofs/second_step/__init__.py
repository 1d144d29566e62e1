"""Second step: if an account has a second factor, control of its mailbox is not enough to set a password (ASVS 6.4.3).

**`required_step.py` decides, the port compares.** A try is counted against the link and the account before any
comparison, each in one guarded statement: of fifty tries at once, no more than the limit are compared (AWS Cognito's
fault in 2021, and CVE-2024-0227). A try is given back if the code was right or could not be judged.

**A code is spent in the transaction that uses the link up**, by a statement that only one request can win, and given
back if the change is undone. The audit trail records a passed step only once the change is final.

**Everything that Keyturn stores is a secret** (`service/secrets.py`), by its purpose. A seed and a phone are encrypted
and stay, as recovery codes do. Codes by SMS and spent steps of TOTP expire.

**Rules for passwords come first**, so that a bad password costs no code.

**Factors that cannot be checked are still required** (`"other"`): a seed that cannot be read, a factor of another kind.
If they were left out, a lost key would become a bypass.

A signed-in user who changes a known password needs no second step. The codes are those of `cryptography`, which has no
protection against replay and no limit of tries: the rules above provide both.
"""
