"""The data that mails are drawn with: read, written, made hostile."""
