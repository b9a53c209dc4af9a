"""Frozen data that every room speaks of: events, the service graph. No behaviour beyond look-ups."""
