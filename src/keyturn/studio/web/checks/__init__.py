"""The findings of the checks and the state of the snapshots, kept until a file changes."""
