"""A plan brought about, at the pace that the cloud bears."""
