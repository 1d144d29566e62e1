"""What a mail is drawn with: its sample, and what was edited on top."""
