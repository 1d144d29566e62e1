"""A small project of its own: settings, an app with mails, tags and a catalogue."""
