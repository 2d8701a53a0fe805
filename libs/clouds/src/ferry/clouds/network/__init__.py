"""The network path to a cloud: proxies, authorities, and failures in words. The same rules for every client."""
