output "stages" {
  description = "What was asked for, unchanged, once it may be built. Everything behind the guardrail takes it from here."
  value       = var.stages

  precondition {
    condition     = length(local.refusals) == 0 || var.override != null
    error_message = "Refused by the guardrail. ${join(" ", local.refusals)}"
  }
}

output "decision" {
  description = "Within the offering, or overridden by whom and why."
  value       = local.decision
}

output "overridden" {
  description = "The refusals that an override set aside, in words."
  value       = local.overridden
}
