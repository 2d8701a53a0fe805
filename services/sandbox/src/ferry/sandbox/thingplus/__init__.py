"""Thing+ v2, as its interworking guide and what is known beyond it have it."""
