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

  over_iops = local.iops >= var.quotas.iops_approval && var.iops_approval == null

  asked = {
    cpu         = { figure = local.cpu, unit = "CPU cores" }
    memory_gib  = { figure = sum([for _, asked in var.stages : asked.memory_gib]), unit = "GiB of memory" }
    storage_gib = { figure = local.storage, unit = "GiB of storage" }
    iops        = { figure = local.iops, unit = "IOPS" }
  }

  # Nobody is told twice that the same is too much.
  told_already = { cpu = local.over_cpu, memory_gib = false, storage_gib = local.over_storage, iops = local.over_iops }

  # Sums of fractions are not exact.
  over_bounds = [
    for name, bound in(var.bounds == null ? {} : var.bounds) :
    "${local.asked[name].figure} ${local.asked[name].unit} are asked for and ${bound.most} are what ${bound.of}: an engineer reviews the deal."
    if !local.told_already[name] && local.asked[name].figure > bound.most + 0.001
  ]

  refusals = compact(concat([
    local.over_cpu ? "${local.cpu} ${local.cpu_words}" : "",
    local.over_storage ? "${local.storage} ${local.storage_words}" : "",
    local.over_iops
    ? "${local.iops} IOPS are asked for: ${var.quotas.iops_approval} and more need the approval of the engineering VP (iops_approval)."
    : "",
  ], local.over_bounds))

  overridden = var.override == null ? [] : local.refusals

  decision = length(local.refusals) == 0 ? "within the standard offering" : (
    var.override == null ? "refused" : "overridden by ${var.override.approved_by}: ${var.override.reason}"
  )
}
