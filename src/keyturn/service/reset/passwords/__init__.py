"""Rules for new passwords, and the threads that hash them.

**Passwords are hashed exactly as typed.** NIST suggests normalising Unicode, but Keyturn shares the
hash with apps that verify passwords as typed.
"""
