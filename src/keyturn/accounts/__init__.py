"""The port to the accounts that already exist, the built-in store, and its sessions."""
