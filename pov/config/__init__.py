"""Scenario and engagement files: models, loading with line numbers, validation, the service graph they ask for."""
