"""`ferry plan`, `apply`, `validate`, `import`, `export`, `schema`: the fleet as one file."""
