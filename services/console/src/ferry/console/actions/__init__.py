"""What a person has done to the suite, and how far it is."""
