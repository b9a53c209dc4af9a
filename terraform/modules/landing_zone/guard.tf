# The way from Git, guarded: whoever could change what Argo CD follows, what runs beside it, or borrow an identity that
# is let through, would be past `only-from-git`. These policies deny that to everybody who is not on their lists,
# administrators included. What they cannot close stands in terraform/README.md under "Known limits".

locals {
  guard_users  = ["system:apiserver", "system:kube-controller-manager", var.installer]
  guard_groups = ["system:nodes"]
  controllers  = ["system:serviceaccounts:kube-system"]

  guards = {
    # What Argo CD follows, and its own settings, credentials and repositories.
    "gitops-settings" = {
      namespaces = [var.gitops_namespace]
      users      = setunion(local.guard_users, var.gitops_settings_users)
      groups     = local.controllers
      rules = [
        { apiGroups = ["argoproj.io"], apiVersions = ["*"], operations = local.writes, resources = ["applications", "applicationsets", "appprojects"], scope = "Namespaced" },
        { apiGroups = [""], apiVersions = ["*"], operations = local.writes, resources = ["configmaps", "secrets"], scope = "Namespaced" },
      ]
      conditions = []
      message    = "what Argo CD follows is changed through Argo CD and pov up alone"
    }
    # A pod runs as an account of its namespace: where accounts are let through, nobody adds or enters one.
    "platform-workloads" = {
      namespaces = local.guarded_namespaces
      users      = local.guard_users
      groups     = concat(local.controllers, local.guard_groups)
      rules = [
        { apiGroups = [""], apiVersions = ["*"], operations = ["CREATE"], resources = ["pods", "replicationcontrollers"], scope = "Namespaced" },
        { apiGroups = [""], apiVersions = ["*"], operations = ["UPDATE"], resources = ["pods", "pods/ephemeralcontainers", "replicationcontrollers"], scope = "Namespaced" },
        { apiGroups = [""], apiVersions = ["*"], operations = ["CONNECT"], resources = ["pods/exec", "pods/attach"], scope = "Namespaced" },
        { apiGroups = ["apps"], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["daemonsets", "deployments", "replicasets", "statefulsets"], scope = "Namespaced" },
        { apiGroups = ["batch"], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["cronjobs", "jobs"], scope = "Namespaced" },
      ]
      conditions = []
      message    = "what runs here is let through by the one way from Git, and is changed by pov up alone"
    }
    # The sum over all stages holds only as long as each keeps to what the guardrail let through.
    "stage-limits" = {
      namespaces = local.names
      users      = setunion(local.guard_users, [var.terraform_user])
      groups     = local.controllers
      rules = [
        { apiGroups = [""], apiVersions = ["*"], operations = local.writes, resources = ["resourcequotas", "limitranges"], scope = "Namespaced" },
      ]
      conditions = []
      message    = "quotas and limits of a stage are what the guardrail let through, and are changed by pov up alone"
    }
    # A token of an account that is let through is as good as the account.
    "borrowed-identities" = {
      namespaces = local.guarded_namespaces
      users      = local.guard_users
      groups     = local.guard_groups
      rules = [
        { apiGroups = [""], apiVersions = ["*"], operations = ["CREATE"], resources = ["serviceaccounts/token", "secrets"], scope = "Namespaced" },
      ]
      conditions = [{
        name       = "a-token"
        expression = "request.resource.resource != 'secrets' || (has(object.type) && object.type == 'kubernetes.io/service-account-token')"
      }]
      message = "the accounts of this namespace are let through by the one way from Git, and lend nobody their name"
    }
  }

  guarded_namespaces = setunion([var.gitops_namespace], var.platform_namespaces)
}

resource "kubectl_manifest" "guard" {
  for_each = local.guards

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicy"
    metadata   = { name = each.key, labels = local.labels }
    spec = {
      failurePolicy    = "Fail"
      matchConstraints = { resourceRules = each.value.rules }
      matchConditions = concat([
        { name = "user-not-listed", expression = "!(request.userInfo.username in ${jsonencode(sort(each.value.users))})" },
        {
          name       = "group-not-listed"
          expression = "!has(request.userInfo.groups) || !request.userInfo.groups.exists(g, g in ${jsonencode(sort(concat(each.value.groups, tolist(var.break_glass_groups))))})"
        },
      ], each.value.conditions)
      validations = [{
        expression        = "false"
        reason            = "Forbidden"
        message           = each.value.message
        messageExpression = "request.userInfo.username + ' may not ' + request.operation + ' ' + request.resource.resource + (has(request.subResource) && request.subResource != '' ? '/' + request.subResource : '') + ' in ' + request.namespace + ': ${each.value.message}.'"
      }]
    }
  })
}

resource "kubectl_manifest" "guard_binding" {
  for_each = local.guards

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicyBinding"
    metadata   = { name = each.key, labels = local.labels }
    spec = {
      policyName        = each.key
      validationActions = ["Deny", "Audit"]
      matchResources = {
        namespaceSelector = {
          matchExpressions = [{ key = "kubernetes.io/metadata.name", operator = "In", values = sort(each.value.namespaces) }]
        }
      }
    }
  })

  depends_on = [kubectl_manifest.guard]
}
