# Refuses what was not scoped, before anything is planned behind it. Quotas are for the whole request: splitting it into
# more stages changes nothing.

terraform {
  required_version = ">= 1.9"
}

locals {
  cpu_standard     = 64
  cpu_scoped       = 512
  iops_without_ask = 10000

  cpu  = sum([for _, asked in var.stages : asked.cpu])
  iops = sum([for _, asked in var.stages : asked.iops])

  cpu_limit = var.scope == null ? local.cpu_standard : local.cpu_scoped
  cpu_fix   = var.scope == null ? "ask for an approved scope, which allows up to ${local.cpu_scoped}" : "an engineer reviews the deal"

  refusals = compact([
    local.cpu > local.cpu_limit
    ? "${local.cpu} CPU cores are asked for and ${local.cpu_limit} are allowed ${var.scope == null ? "without an approved scope" : "with scope ${var.scope.reference}"}: ${local.cpu_fix}."
    : "",
    local.iops >= local.iops_without_ask && var.iops_approval == null
    ? "${local.iops} IOPS are asked for: ${local.iops_without_ask} and more need the approval of the engineering VP (iops_approval)."
    : "",
  ])

  overridden = var.override == null ? [] : local.refusals

  decision = length(local.refusals) == 0 ? "within the standard offering" : (
    var.override == null ? "refused" : "overridden by ${var.override.approved_by}: ${var.override.reason}"
  )
}
