"""The landing zone: stages with guardrails, made by Terraform."""
