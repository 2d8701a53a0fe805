"""How requests come in and answers go out, over HTTP."""
