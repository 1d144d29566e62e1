"""The worker as a separate process, which begins with this package: nothing is imported here."""
