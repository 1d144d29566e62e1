"""The providers of the settings: whether they take the key, and mails from this sender. None is sent."""
