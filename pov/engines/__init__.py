"""Adapters: each outside system has one, and only it imports that system's client."""
