"""The way to a cloud: proxies, trusted authorities, and failures in words. One set of rules for every client."""
