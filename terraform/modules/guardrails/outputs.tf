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

output "limits" {
  description = "What one workload may ask for at most, and the words in which more is refused. What an override let through is bounded by the stage alone."
  value = {
    cpu           = var.override != null && local.over_cpu ? null : local.cpu_limit
    cpu_words     = local.cpu_words
    storage_gib   = var.storage == null || (var.override != null && local.over_storage) ? null : var.storage.gib
    storage_words = local.storage_words
  }
}
