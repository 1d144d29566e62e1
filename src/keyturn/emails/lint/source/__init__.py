"""From what is drawn back to the place in the templates."""
