"""`ferry`: the publisher's library and the command line."""
