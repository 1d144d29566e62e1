"""The checks of mails, by subject."""
