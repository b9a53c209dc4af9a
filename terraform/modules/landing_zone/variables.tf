variable "stages" {
  description = "Stages as the guardrails module let them through: CPU in cores, memory and storage in GiB."
  type = map(object({
    cpu         = number
    memory_gib  = number
    pods        = number
    services    = number
    iops        = optional(number, 0)
    storage_gib = optional(number, 0)
  }))
}

variable "limits" {
  description = "What one workload may ask for at most, and the guardrail's words for more. Null bounds nothing."
  type = object({
    cpu           = number
    cpu_words     = string
    storage_gib   = number
    storage_words = string
  })
}

variable "decision" {
  description = "The guardrail's decision, kept on each namespace for whoever asks later."
  type        = string
}

variable "enforced" {
  description = "Stages in which a change that does not come from Git is denied. Elsewhere it is warned about and audited."
  type        = set(string)
  default     = ["prod"]
}

variable "gitops_users" {
  description = "Who brings changes from Git: the one way into an enforced stage."
  type        = set(string)
  default     = ["system:serviceaccount:argocd:argocd-application-controller"]
}

variable "platform_users" {
  description = "Parts of Kubernetes itself, and the identity that applies this module."
  type        = set(string)
  default = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:serviceaccount:pov-terraform:terraform",
  ]
}

variable "platform_groups" {
  description = "Controllers of kube-system, and nodes: they act on what others decided."
  type        = set(string)
  default     = ["system:serviceaccounts:kube-system", "system:nodes"]
}

variable "break_glass_groups" {
  description = "Groups that may change an enforced stage by hand in an emergency. Empty unless somebody decided so."
  type        = set(string)
  default     = []
}

variable "reader_group" {
  description = "The group that may look at everything in the stages but secrets."
  type        = string
  default     = "pov:developers"
}

variable "gitops_namespace" {
  description = "Where Argo CD runs, with what it follows."
  type        = string
  default     = "argocd"
}

variable "gitops_settings_users" {
  description = "Argo CD's own parts, which change what it follows: its API on behalf of who logs in there, and its controllers."
  type        = set(string)
  default = [
    "system:serviceaccount:argocd:argocd-application-controller",
    "system:serviceaccount:argocd:argocd-applicationset-controller",
    "system:serviceaccount:argocd:argocd-server",
  ]
}

variable "platform_namespaces" {
  description = "Further namespaces with accounts that the stages let in: of `platform_groups` and `platform_users`."
  type        = set(string)
  default     = ["kube-system", "pov-terraform"]
}

variable "terraform_user" {
  description = "As whom this module is applied: it alone changes a stage's quota and limits."
  type        = string
  default     = "system:serviceaccount:pov-terraform:terraform"
}

variable "installer" {
  description = "As whom pov installs and updates what lies in these namespaces."
  type        = string
  default     = "pov:installer"
}
