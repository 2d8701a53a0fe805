"""How every Ferry service starts, is asked, is watched and stops."""
