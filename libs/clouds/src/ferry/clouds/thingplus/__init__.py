"""Thing+: what goes over the wire (answers, series, paths: pure) and the client."""
