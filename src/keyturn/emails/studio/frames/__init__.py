"""The mail as a document of its own, in a frame."""
