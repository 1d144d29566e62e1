"""Mail clients, and what they make of the features that a mail uses."""
