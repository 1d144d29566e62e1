"""The branches of a mail that its samples leave out, in a few passes that force them."""
