# Refuses what was not scoped, before anything is planned behind it. Quotas are for the whole request: splitting it into
# more stages changes nothing. No number stands here: `quotas` are the standard offering's.

terraform {
  required_version = ">= 1.9"
}

locals {
  cpu     = sum([for _, asked in var.stages : asked.cpu])
  iops    = sum([for _, asked in var.stages : asked.iops])
  storage = sum([for _, asked in var.stages : asked.storage_gib])

  cpu_limit = var.scope == null ? var.quotas.cpu_standard : var.quotas.cpu_scoped
  cpu_fix   = var.scope == null ? "ask for an approved scope, which allows up to ${var.quotas.cpu_scoped}" : "an engineer reviews the deal"

  # What follows the figure that is asked for. The cluster's policies say the same words.
  cpu_words     = "CPU cores are asked for and ${local.cpu_limit} are allowed ${var.scope == null ? "without an approved scope" : "with scope ${var.scope.reference}"}: ${local.cpu_fix}."
  storage_words = var.storage == null ? "" : "GiB of storage are asked for and ${var.storage.gib} are what ${var.storage.of} includes: an engineer reviews the deal."

  over_cpu     = local.cpu > local.cpu_limit
  over_storage = var.storage == null ? false : local.storage > var.storage.gib

  refusals = compact([
    local.over_cpu ? "${local.cpu} ${local.cpu_words}" : "",
    local.over_storage ? "${local.storage} ${local.storage_words}" : "",
    local.iops >= var.quotas.iops_approval && var.iops_approval == null
    ? "${local.iops} IOPS are asked for: ${var.quotas.iops_approval} and more need the approval of the engineering VP (iops_approval)."
    : "",
  ])

  overridden = var.override == null ? [] : local.refusals

  decision = length(local.refusals) == 0 ? "within the standard offering" : (
    var.override == null ? "refused" : "overridden by ${var.override.approved_by}: ${var.override.reason}"
  )
}
