variable "stages" {
  description = "What is asked for, by stage. CPU in cores, memory in GiB, storage speed in IOPS, storage in GiB."
  type = map(object({
    cpu         = number
    memory_gib  = number
    pods        = number
    services    = number
    iops        = optional(number, 0)
    storage_gib = optional(number, 0)
  }))

  validation {
    condition     = length(var.stages) > 0
    error_message = "No stage is asked for: name at least one."
  }
  validation {
    condition     = alltrue([for name, _ in var.stages : trimspace(name) != ""])
    error_message = "A stage has an empty name: every stage needs one, so that its cost has an owner."
  }
  validation {
    condition = alltrue([
      for name, _ in var.stages : trimspace(name) == "" || can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", name))
    ])
    error_message = "A stage's name must be lower-case letters, digits and dashes, and start with a letter: it becomes a namespace."
  }
  validation {
    condition = alltrue([
      for _, asked in var.stages : asked.cpu > 0 && asked.memory_gib > 0 && asked.pods > 0 && asked.services > 0
    ])
    error_message = "CPU, memory, pods and services must all be above 0: a stage without limits is not a standard offering."
  }
  validation {
    condition     = alltrue([for _, asked in var.stages : asked.iops >= 0 && asked.storage_gib >= 0])
    error_message = "Neither IOPS nor storage can be negative."
  }
}

variable "quotas" {
  description = "The hard quotas of the standard offering: cores without and with an approved scope, IOPS that need approval."
  type = object({
    cpu_standard  = number
    cpu_scoped    = number
    iops_approval = number
  })

  validation {
    condition     = 0 < var.quotas.cpu_standard && var.quotas.cpu_standard <= var.quotas.cpu_scoped && 0 < var.quotas.iops_approval
    error_message = "Quotas are above 0, and an approved scope allows no less than the standard does."
  }
}

variable "storage" {
  description = "The storage that a size of the offering includes, over all stages, or that an approved scope names. None bounds it without."
  type = object({
    gib = number
    of  = string
  })
  default = null

  validation {
    condition     = var.storage == null ? true : var.storage.gib > 0 && trimspace(var.storage.of) != ""
    error_message = "A limit of storage is above 0, and says whose it is."
  }
}

variable "bounds" {
  description = "The most of each resource over all stages, and whose figure it is: what the deal's scope names, else its size's, and never more than the platform's. Nothing bounds what is not in it."
  type = map(object({
    most = number
    of   = string
  }))
  default = null

  validation {
    condition = var.bounds == null ? true : alltrue([
      for name, bound in var.bounds :
      contains(["cpu", "memory_gib", "storage_gib", "iops"], name) && bound.most >= 0 && trimspace(bound.of) != ""
    ])
    error_message = "A bound is of cpu, memory_gib, storage_gib or iops, is not negative, and says whose it is."
  }
}

variable "scope" {
  description = "The approved scope of the deal, if there is one: its reference and who approved it."
  type = object({
    reference   = string
    approved_by = string
  })
  default = null

  validation {
    condition     = var.scope == null ? true : trimspace(var.scope.reference) != "" && trimspace(var.scope.approved_by) != ""
    error_message = "An approved scope names its reference and who approved it."
  }
}

variable "iops_approval" {
  description = "The approval that IOPS from the quota on need: the engineering VP's, by name."
  type = object({
    role        = string
    approved_by = string
  })
  default = null

  validation {
    condition = (
      var.iops_approval == null ? true :
      var.iops_approval.role == "engineering-vp" && trimspace(var.iops_approval.approved_by) != ""
    )
    error_message = "IOPS are approved by the role engineering-vp, with a name."
  }
}

variable "override" {
  description = "Lets a request through that a quota refuses. Explicit, with a name and a reason; both are recorded."
  type = object({
    approved_by = string
    reason      = string
  })
  default = null

  validation {
    condition     = var.override == null ? true : trimspace(var.override.approved_by) != ""
    error_message = "An override names who approved it."
  }
  validation {
    condition     = var.override == null ? true : length(trimspace(var.override.reason)) >= 10
    error_message = "An override says why, in at least ten characters."
  }
}
