"""`ferry`: a module per noun; `main` puts them together."""
