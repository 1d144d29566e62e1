"""What the checks and the golden files say of a mail, kept until one of its files changes."""
