# The guardrail's limits once more, for whoever does not come by way of Terraform: kubectl by hand, a commit, a controller.
# Nobody is exempt. A policy sees one object at a time: the sum over a stage is its quota's, and the sum over all stages the
# guardrail's, which let those quotas through. What this cannot see stands in terraform/README.md.

locals {
  refused = "Refused by the guardrail. "

  # CEL compares numbers of one kind, so all of them are doubles.
  through = {
    for resource in ["cpu", "memory_gib", "pods", "storage_gib"] :
    resource => "{${join(", ", [for name in sort(local.names) : "'${name}': ${format("%.3f", var.stages[name][resource])}"])}}[request.namespace]"
  }

  # A quantity of a container, or of a pod as a whole, as Kubernetes counts it: of `first`, else of `second`, else none.
  quantities = {
    for resource, kinds in { cpu = ["requests", "limits"], memory = ["limits", "requests"] } :
    resource => join("", concat([
      for kind in kinds :
      "has(c.resources) && has(c.resources.${kind}) && '${resource}' in c.resources.${kind} ? quantity(string(c.resources.${kind}['${resource}'])).asApproximateFloat() : "
    ], ["0.0"]))
  }

  # A pod starts with one init container after the other, and runs with its containers and sidecars together.
  one_pod = {
    for resource, quantity in local.quantities :
    resource => "([variables.running.map(c, ${quantity}).sum()] + variables.alone.map(c, ${quantity})).max()"
  }

  # To a thousandth, as a person would write it.
  rounded = { for name, value in { cpu = "variables.cpu", memory = "variables.memory" } :
    name => "string(${value} > 1000000000.0 ? ${value} : double(int(${value} * 1000.0 + 0.5)) / 1000.0)"
  }

  workload_checks = concat(
    var.limits.cpu == null ? [] : [{
      expression        = "variables.cpu <= ${format("%.3f", var.limits.cpu)}"
      message           = "${local.refused}More ${var.limits.cpu_words}"
      messageExpression = "${jsonencode(local.refused)} + ${local.rounded.cpu} + ${jsonencode(" ${var.limits.cpu_words}")}"
    }],
    [
      for check in [
        { value = "variables.copies", shown = "string(variables.copies)", of = "pods", words = "pods" },
        { value = "variables.cpu", shown = local.rounded.cpu, of = "cpu", words = "CPU cores" },
        { value = "variables.memory", shown = local.rounded.memory, of = "memory_gib", words = "GiB of memory" },
      ] :
      {
        expression        = "double(${check.value}) <= ${local.through[check.of]}"
        message           = "${local.refused}More ${check.words} are asked for than were let through for this stage."
        messageExpression = "${jsonencode(local.refused)} + ${check.shown} + ' ${check.words} are asked for and ' + string(${local.through[check.of]}) + ' were let through for ' + request.namespace + ': ask for a larger stage with pov up.'"
      }
    ],
  )

  offering = {
    "offering-workloads" = {
      rules = [
        { apiGroups = [""], apiVersions = ["*"], operations = ["CREATE"], resources = ["pods"], scope = "Namespaced" },
        { apiGroups = [""], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["pods/resize", "replicationcontrollers", "replicationcontrollers/scale"], scope = "Namespaced" },
        {
          apiGroups   = ["apps"]
          apiVersions = ["*"]
          operations  = ["CREATE", "UPDATE"]
          resources   = ["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"]
          scope       = "Namespaced"
        },
        { apiGroups = ["batch"], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["cronjobs", "jobs"], scope = "Namespaced" },
        { apiGroups = ["autoscaling"], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["horizontalpodautoscalers"], scope = "Namespaced" },
      ]
      variables = [
        { name = "job", expression = "object.kind == 'CronJob' ? object.spec.jobTemplate.spec : object.spec" },
        { name = "pod", expression = "object.kind != 'Pod' && has(variables.job.template) ? variables.job.template.spec : variables.job" },
        { name = "starting", expression = "has(variables.pod.initContainers) ? variables.pod.initContainers : []" },
        { name = "alone", expression = "[variables.pod] + variables.starting" },
        {
          name       = "running"
          expression = "(has(variables.pod.containers) ? variables.pod.containers : []) + variables.starting.filter(c, has(c.restartPolicy) && c.restartPolicy == 'Always')"
        },
        {
          # Of a scale and a Deployment: replicas. Of a job: pods at a time. Of an autoscaler: as many as it may make.
          name       = "copies"
          expression = "has(variables.job.maxReplicas) ? int(variables.job.maxReplicas) : has(variables.job.parallelism) ? int(variables.job.parallelism) : has(variables.job.replicas) ? int(variables.job.replicas) : 1"
        },
        { name = "cpu", expression = "${local.one_pod.cpu} * double(variables.copies)" },
        { name = "memory", expression = "${local.one_pod.memory} * double(variables.copies) / 1073741824.0" },
      ]
      validations = local.workload_checks
    }
    "offering-claims" = {
      rules = [
        { apiGroups = [""], apiVersions = ["*"], operations = ["CREATE", "UPDATE"], resources = ["persistentvolumeclaims"], scope = "Namespaced" },
      ]
      variables = [{
        name       = "gib"
        expression = "has(object.spec.resources) && has(object.spec.resources.requests) && 'storage' in object.spec.resources.requests ? quantity(string(object.spec.resources.requests['storage'])).asApproximateFloat() / 1073741824.0 : 0.0"
      }]
      validations = concat(
        var.limits.storage_gib == null ? [] : [{
          expression        = "variables.gib <= ${format("%.3f", var.limits.storage_gib)}"
          message           = "${local.refused}More ${var.limits.storage_words}"
          messageExpression = "${jsonencode(local.refused)} + string(variables.gib) + ${jsonencode(" ${var.limits.storage_words}")}"
        }],
        [{
          expression        = "variables.gib <= ${local.through.storage_gib}"
          message           = "${local.refused}More storage is asked for than was let through for this stage."
          messageExpression = "${jsonencode(local.refused)} + string(variables.gib) + ' GiB of storage are asked for and ' + string(${local.through.storage_gib}) + ' were let through for ' + request.namespace + ': ask for a larger stage with pov up.'"
        }],
      )
    }
  }
}

resource "kubectl_manifest" "offering" {
  for_each = local.offering

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
      variables        = each.value.variables
      validations      = [for check in each.value.validations : merge(check, { reason = "Forbidden" })]
    }
  })
}

resource "kubectl_manifest" "offering_binding" {
  for_each = local.offering

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
          matchExpressions = [{ key = "kubernetes.io/metadata.name", operator = "In", values = sort(local.names) }]
        }
      }
    }
  })

  depends_on = [kubectl_manifest.offering, kubectl_manifest.namespace]
}
