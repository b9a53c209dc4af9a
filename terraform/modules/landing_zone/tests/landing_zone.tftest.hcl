# Plans only, against a mocked provider: what would be applied, for whoever reads or changes the module.

mock_provider "kubectl" {}

variables {
  decision = "within the standard offering"
  limits   = { cpu = 64, cpu_words = "CPU cores are too many.", storage_gib = 500, storage_words = "GiB are too many." }
  stages = {
    dev  = { cpu = 1, memory_gib = 2, pods = 20, services = 15 }
    prod = { cpu = 1.5, memory_gib = 2, pods = 20, services = 15 }
  }
}

run "prod_denies_and_dev_warns" {
  command = plan
  assert {
    condition     = yamldecode(kubectl_manifest.only_from_git_binding["only-from-git-deny"].yaml_body).spec.validationActions == ["Deny", "Audit"]
    error_message = "prod must deny."
  }
  assert {
    condition = (
      yamldecode(kubectl_manifest.only_from_git_binding["only-from-git-deny"].yaml_body)
      .spec.matchResources.namespaceSelector.matchExpressions[0].values == ["prod"]
    )
    error_message = "prod alone must deny."
  }
  assert {
    condition     = yamldecode(kubectl_manifest.only_from_git_binding["only-from-git-warn"].yaml_body).spec.validationActions == ["Warn", "Audit"]
    error_message = "dev must warn."
  }
}

run "nothing_warns_when_everything_denies" {
  command = plan
  variables {
    enforced = ["dev", "prod"]
  }
  assert {
    condition     = keys(kubectl_manifest.only_from_git_binding) == ["only-from-git-deny"]
    error_message = "A binding without stages must not exist."
  }
}

run "every_namespace_is_restricted" {
  command = plan
  assert {
    condition = alltrue([
      for name in ["dev", "prod"] :
      yamldecode(kubectl_manifest.namespace[name].yaml_body).metadata.labels["pod-security.kubernetes.io/enforce"] == "restricted"
    ])
    error_message = "Every stage carries the restricted profile."
  }
}

run "the_guardrails_decision_is_kept_on_every_namespace" {
  command = plan
  variables {
    decision = "overridden by C. Officer: load test agreed for one week"
  }
  assert {
    condition = alltrue([
      for name in ["dev", "prod"] :
      yamldecode(kubectl_manifest.namespace[name].yaml_body).metadata.annotations["pov.dev/guardrail-decision"] == "overridden by C. Officer: load test agreed for one week"
    ])
    error_message = "Who let it through, and why, stands on each namespace."
  }
}

run "nobody_breaks_glass_unless_named" {
  command = plan
  assert {
    condition     = !strcontains(kubectl_manifest.only_from_git.yaml_body, "system:masters")
    error_message = "Administrators are not exempt."
  }
}

run "quotas_are_what_was_asked_for" {
  command = plan
  assert {
    condition     = yamldecode(kubectl_manifest.quota["prod"].yaml_body).spec.hard["requests.cpu"] == "1500m"
    error_message = "The quota must be the request that passed the guardrail."
  }
}

run "the_way_from_git_is_guarded" {
  command = plan
  assert {
    condition     = alltrue([for name, binding in kubectl_manifest.guard_binding : yamldecode(binding.yaml_body).spec.validationActions == ["Deny", "Audit"]])
    error_message = "A guard denies."
  }
  assert {
    condition = (
      yamldecode(kubectl_manifest.guard_binding["borrowed-identities"].yaml_body)
      .spec.matchResources.namespaceSelector.matchExpressions[0].values == ["argocd", "kube-system", "pov-terraform"]
    )
    error_message = "Every namespace with accounts that the stages let in."
  }
  assert {
    condition     = !strcontains(kubectl_manifest.guard["borrowed-identities"].yaml_body, "system:serviceaccounts")
    error_message = "No account makes tokens of the others."
  }
}

run "what_git_may_hold_is_said_by_name" {
  command = plan
  assert {
    condition     = !strcontains(kubectl_manifest.role["prod/gitops-deployer"].yaml_body, "*")
    error_message = "No wildcard: it would hold what nobody meant."
  }
}

run "what_is_refused_is_refused_to_everybody_in_every_stage" {
  command = plan
  assert {
    condition = alltrue([
      for name in ["offering-workloads", "offering-claims"] :
      yamldecode(kubectl_manifest.offering_binding[name].yaml_body).spec == {
        policyName        = name
        validationActions = ["Deny", "Audit"]
        matchResources = {
          namespaceSelector = { matchExpressions = [{ key = "kubernetes.io/metadata.name", operator = "In", values = ["dev", "prod"] }] }
        }
      }
    ])
    error_message = "Both policies deny in every stage."
  }
  assert {
    condition     = alltrue([for policy in kubectl_manifest.offering : !can(yamldecode(policy.yaml_body).spec.matchConditions)])
    error_message = "Nobody is exempt: a limit is a limit."
  }
}

run "what_nobody_bounds_is_not_compared" {
  command = plan
  variables {
    limits = { cpu = null, cpu_words = "", storage_gib = null, storage_words = "" }
  }
  assert {
    condition     = length(yamldecode(kubectl_manifest.offering["offering-workloads"].yaml_body).spec.validations) == 3
    error_message = "The stage's own limits are left."
  }
}

run "only_terraform_changes_a_stages_quota" {
  command = plan
  assert {
    condition = (
      yamldecode(kubectl_manifest.guard_binding["stage-limits"].yaml_body)
      .spec.matchResources.namespaceSelector.matchExpressions[0].values == ["dev", "prod"]
    )
    error_message = "In every stage."
  }
}
