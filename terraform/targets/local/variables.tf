variable "stages" {
  description = "See modules/guardrails."
  type = map(object({
    cpu         = number
    memory_gib  = number
    pods        = number
    services    = number
    iops        = optional(number, 0)
    storage_gib = optional(number, 0)
  }))
}

variable "quotas" {
  description = "See modules/guardrails."
  type        = object({ cpu_standard = number, cpu_scoped = number, iops_approval = number })
}

variable "storage" {
  description = "See modules/guardrails."
  type        = object({ gib = number, of = string })
  default     = null
}

variable "bounds" {
  description = "See modules/guardrails."
  type        = map(object({ most = number, of = string }))
  default     = null
}

variable "scope" {
  description = "See modules/guardrails."
  type        = object({ reference = string, approved_by = string })
  default     = null
}

variable "iops_approval" {
  description = "See modules/guardrails."
  type        = object({ role = string, approved_by = string })
  default     = null
}

variable "override" {
  description = "See modules/guardrails."
  type        = object({ approved_by = string, reason = string })
  default     = null
}
