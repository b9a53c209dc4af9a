"""Argo CD: its installation, and what it watches."""
