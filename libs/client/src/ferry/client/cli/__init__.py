"""`ferry`: one module per noun; `main` assembles them."""
