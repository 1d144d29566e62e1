"""What is wrong with the templates themselves."""
