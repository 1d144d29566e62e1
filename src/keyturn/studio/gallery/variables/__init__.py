"""The variables of templates, plausible values for them, and names that samples lack."""
