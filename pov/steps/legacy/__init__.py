"""The legacy estate: its hosts, and the way to them."""
