"""From a message in the outbox to a mail or a webhook."""
