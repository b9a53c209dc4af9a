# The landing zone on a local cluster. The guardrail stands in front: the landing zone takes its stages from it.
# Where the cluster is comes from KUBE_CONFIG_PATH (a kubeconfig without credentials), and as whom to speak to it from
# KUBE_TOKEN: no credential stands in a file, an argument or the state.

terraform {
  required_version = ">= 1.9"
  required_providers {
    kubectl = {
      source  = "gavinbunney/kubectl"
      version = "~> 1.19"
    }
  }
  backend "kubernetes" {
    secret_suffix = "landing-zone"
    namespace     = "pov-terraform"
  }
}

provider "kubectl" {
  apply_retry_count = 2
}

module "guardrails" {
  source = "../../modules/guardrails"

  stages        = var.stages
  quotas        = var.quotas
  storage       = var.storage
  bounds        = var.bounds
  scope         = var.scope
  iops_approval = var.iops_approval
  override      = var.override
}

module "landing_zone" {
  source = "../../modules/landing_zone"

  stages = module.guardrails.stages
  decision     = module.guardrails.decision
  limits       = module.guardrails.limits
}
