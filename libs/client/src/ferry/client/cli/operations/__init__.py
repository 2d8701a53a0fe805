"""What an operator looks at and does: status, doctor, watch, tokens, dead letters."""
