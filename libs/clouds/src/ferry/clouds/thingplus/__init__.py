"""Thing+: its wire format (answers, series, paths: pure) and the client."""
