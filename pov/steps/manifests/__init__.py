"""Manifests as pure functions: from the service graph and the settings to texts, no cluster and no clock in sight."""
