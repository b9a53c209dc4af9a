output "namespaces" {
  description = "The stages' namespaces."
  value       = module.landing_zone.namespaces
}

output "decision" {
  description = "The guardrail's decision."
  value       = module.guardrails.decision
}

output "overridden" {
  description = "The refusals that an override set aside."
  value       = module.guardrails.overridden
}
