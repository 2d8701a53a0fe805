"""Who is signed in, and whether a request is genuine."""
