"""What a team does not want to hear: severities by rule, and comments in the templates."""
