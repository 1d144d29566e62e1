"""Mails that were captured, and mails on their way out of the studio."""
