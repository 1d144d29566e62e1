"""Which passwords are accepted, and how their hashes are written and read.

**Passwords are kept exactly as typed.** NIST suggests normalising Unicode; the hash is shared with apps that verify
what was typed as it came.

**bcrypt is written, under the letters that the app's own library reads** (`hashing.prefix`); other hashes are only
read, within bounds of memory and rounds, so that a broken one cannot hold a thread. argon2 is not written: the accounts
belong to apps that read bcrypt. passlib and libpass are not needed, since each other format is one call of hashlib's.

**Whoever holds a live link or a session goes first** (`hash_queue.py`): sign-ins are free to try, and must not take
resets down.

**A wrong password takes as long as an unknown account**, also where the stored hash is cheaper than the cost that is
set (`hasher.py`).
"""
