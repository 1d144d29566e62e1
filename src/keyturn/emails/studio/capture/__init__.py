"""Mails on their way out of the studio: the whole message, their row in an inbox, a real one to oneself."""
