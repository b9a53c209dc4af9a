# Who may do what in a stage.

locals {
  # By name: `*` on a service account would hold `impersonate`.
  deploys = ["get", "list", "watch", "create", "update", "patch", "delete"]

  roles = {
    # Every service's certificate agent watches the one policy that tells all of them to renew.
    "certificate-policy-reader" = [
      { apiGroups = [""], resources = ["configmaps"], resourceNames = ["certificate-policy"], verbs = ["get", "list", "watch"] },
    ]
    # What Git may hold: Argo CD's controller has no other right to write outside of its own namespace.
    "gitops-deployer" = [
      { apiGroups = [""], resources = ["configmaps", "serviceaccounts", "services"], verbs = local.deploys },
      { apiGroups = ["apps"], resources = ["deployments"], verbs = local.deploys },
      { apiGroups = ["networking.k8s.io"], resources = ["networkpolicies"], verbs = local.deploys },
    ]
    "stage-reader" = [
      { apiGroups = [""], resources = ["configmaps", "events", "limitranges", "pods", "pods/log", "resourcequotas", "serviceaccounts", "services"], verbs = ["get", "list", "watch"] },
      { apiGroups = ["apps"], resources = ["deployments", "replicasets", "statefulsets"], verbs = ["get", "list", "watch"] },
      { apiGroups = ["networking.k8s.io"], resources = ["networkpolicies"], verbs = ["get", "list", "watch"] },
    ]
  }

  role_grid = { for pair in setproduct(local.names, keys(local.roles)) : "${pair[0]}/${pair[1]}" => { stage = pair[0], role = pair[1] } }
}

resource "kubectl_manifest" "role" {
  for_each = local.role_grid

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "Role"
    metadata   = { name = each.value.role, namespace = each.value.stage, labels = local.labels }
    rules      = local.roles[each.value.role]
  })

  depends_on = [kubectl_manifest.namespace]
}

resource "kubectl_manifest" "role_binding" {
  for_each = local.role_grid

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = each.value.role, namespace = each.value.stage, labels = local.labels }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = each.value.role }
    subjects = {
      "certificate-policy-reader" = [for name in ["system:serviceaccounts:${each.value.stage}"] : { apiGroup = "rbac.authorization.k8s.io", kind = "Group", name = name }]
      "gitops-deployer"           = [for name in var.gitops_users : { apiGroup = "rbac.authorization.k8s.io", kind = "User", name = name }]
      "stage-reader"        = [for name in [var.reader_group] : { apiGroup = "rbac.authorization.k8s.io", kind = "Group", name = name }]
    }[each.value.role]
  })

  depends_on = [kubectl_manifest.namespace]
}
