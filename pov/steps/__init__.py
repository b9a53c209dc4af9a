"""Bring-up as a visible list of steps: each observes, decides, changes, and may be killed at any point."""
