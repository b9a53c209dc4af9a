# A landing zone for GitOps stages: a namespace each, with its limits, and one way to change what runs in it.
# Server-side apply, so that fields that others own stay theirs.

locals {
  names = toset(keys(var.stages))

  labels = {
    "app.kubernetes.io/managed-by" = "terraform"
    "app.kubernetes.io/part-of"    = "landing-zone"
  }
}

resource "kubectl_manifest" "namespace" {
  for_each = local.names

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name = each.key
      labels = merge(local.labels, {
        "pov.dev/stage"                = each.key
        "pod-security.kubernetes.io/enforce" = "restricted"
        "pod-security.kubernetes.io/warn"    = "restricted"
        "pod-security.kubernetes.io/audit"   = "restricted"
      })
      annotations = { "pov.dev/guardrail-decision" = var.decision }
    }
  })
}

resource "kubectl_manifest" "quota" {
  for_each = var.stages

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "landing-zone", namespace = each.key, labels = local.labels }
    spec = {
      hard = {
        "requests.cpu"           = "${ceil(each.value.cpu * 1000)}m"
        "requests.memory"        = "${ceil(each.value.memory_gib * 1024)}Mi"
        "limits.memory"          = "${ceil(each.value.memory_gib * 1024)}Mi"
        "requests.storage"       = "${ceil(each.value.storage_gib)}Gi"
        "pods"                   = tostring(each.value.pods)
        "services"               = tostring(each.value.services)
        "services.nodeports"     = "0"
        "services.loadbalancers" = "0"
      }
    }
  })

  depends_on = [kubectl_manifest.namespace]
}

# No CPU limit: throttling would make latency a property of the quota.
resource "kubectl_manifest" "limits" {
  for_each = local.names

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "v1"
    kind       = "LimitRange"
    metadata   = { name = "landing-zone", namespace = each.key, labels = local.labels }
    spec = {
      limits = [{
        type           = "Container"
        defaultRequest = { cpu = "5m", memory = "16Mi" }
        default        = { memory = "64Mi" }
        max            = { memory = "4Gi" }
      }]
    }
  })

  depends_on = [kubectl_manifest.namespace]
}

# What may talk to what comes from Git, service by service; without it nothing may.
resource "kubectl_manifest" "default_deny" {
  for_each = local.names

  server_side_apply = true
  force_conflicts   = true
  validate_schema   = false
  yaml_body = yamlencode({
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "landing-zone-default-deny", namespace = each.key, labels = local.labels }
    spec       = { podSelector = {}, policyTypes = ["Ingress", "Egress"] }
  })

  depends_on = [kubectl_manifest.namespace]
}
