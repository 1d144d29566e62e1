"""studio, render, check: the commands about emails."""
