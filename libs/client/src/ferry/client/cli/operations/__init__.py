"""Commands for operators: status, doctor, watch, tokens, dead letters."""
