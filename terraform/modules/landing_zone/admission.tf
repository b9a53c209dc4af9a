# One way into a stage: through Git. The policy matches everything that changes what runs there (also by the
# side doors: scaling, a shell in a pod, an ephemeral container), from anybody who is not on the list.

locals {
  enforced = setintersection(local.names, var.enforced)
  warned   = setsubtract(local.names, var.enforced)

  users  = sort(setunion(var.gitops_users, var.platform_users))
  groups = sort(setunion(var.platform_groups, var.break_glass_groups))

  writes = ["CREATE", "UPDATE", "DELETE"]
  rules = [
    {
      apiGroups   = [""]
      apiVersions = ["*"]
      operations  = local.writes
      resources = [
        "configmaps", "persistentvolumeclaims", "pods", "pods/ephemeralcontainers", "pods/eviction", "pods/resize",
        "replicationcontrollers", "replicationcontrollers/scale", "resourcequotas", "limitranges", "secrets", "serviceaccounts",
        "services", "endpoints",
      ]
      scope = "Namespaced"
    },
    {
      apiGroups   = [""]
      apiVersions = ["*"]
      operations  = ["CONNECT"]
      resources   = ["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"]
      scope       = "Namespaced"
    },
    {
      apiGroups   = ["apps"]
      apiVersions = ["*"]
      operations  = local.writes
      resources = [
        "daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale",
      ]
      scope = "Namespaced"
    },
    {
      apiGroups   = ["autoscaling", "batch", "discovery.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"]
      apiVersions = ["*"]
      operations  = local.writes
      resources = [
        "horizontalpodautoscalers", "jobs", "cronjobs", "endpointslices", "ingresses", "networkpolicies", "poddisruptionbudgets",
        "roles", "rolebindings",
      ]
      scope = "Namespaced"
    },
    {
      # The namespace itself: its labels carry the Pod Security profile, and deleting it deletes everything.
      apiGroups   = [""]
      apiVersions = ["*"]
      operations  = ["UPDATE", "DELETE"]
      resources   = ["namespaces"]
      scope       = "Cluster"
    },
  ]

  bindings = {
    "only-from-git-deny" = { stages = local.enforced, actions = ["Deny", "Audit"] }
    "only-from-git-warn" = { stages = local.warned, actions = ["Warn", "Audit"] }
  }
}

resource "kubectl_manifest" "only_from_git" {
  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicy"
    metadata   = { name = "only-from-git", labels = local.labels }
    spec = {
      failurePolicy    = "Fail"
      matchConstraints = { resourceRules = local.rules }
      matchConditions = [
        { name = "user-not-listed", expression = "!(request.userInfo.username in ${jsonencode(local.users)})" },
        {
          name       = "group-not-listed"
          expression = "!has(request.userInfo.groups) || !request.userInfo.groups.exists(g, g in ${jsonencode(local.groups)})"
        },
      ]
      validations = [{
        expression        = "false"
        reason            = "Forbidden"
        message           = "Changes come from Git: commit to the configuration repository and let Argo CD bring them in."
        messageExpression = "request.userInfo.username + ' may not ' + request.operation + ' ' + request.resource.resource + (has(request.subResource) && request.subResource != '' ? '/' + request.subResource : '') + ' by hand: changes come from Git. Commit to the configuration repository and let Argo CD bring them in.'"
      }]
    }
  })
}

resource "kubectl_manifest" "only_from_git_binding" {
  for_each = { for name, binding in local.bindings : name => binding if length(binding.stages) > 0 }

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicyBinding"
    metadata   = { name = each.key, labels = local.labels }
    spec = {
      policyName        = "only-from-git"
      validationActions = each.value.actions
      # By the label that the API server sets itself: nobody can take it off.
      matchResources = {
        namespaceSelector = {
          matchExpressions = [{ key = "kubernetes.io/metadata.name", operator = "In", values = sort(each.value.stages) }]
        }
      }
    }
  })

  # Last, so that nothing of this module is judged by a policy that is half there.
  depends_on = [
    kubectl_manifest.only_from_git, kubectl_manifest.role, kubectl_manifest.role_binding, kubectl_manifest.quota, kubectl_manifest.limits,
    kubectl_manifest.default_deny,
  ]
}
