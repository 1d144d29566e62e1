"""Templates edited where they are looked at: files read and saved, drafts drawn and checked, words to complete.

A draft is the text of a file that nobody has saved. It is drawn by the workers, as everything is, and never written to
the disk: only `source_files` writes, and only for who knows what the file held.
"""
