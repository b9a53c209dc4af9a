# Judges what a plan would do, whatever its text says: limits by what is really asked for, and what it is made of.
# Input: `given` (what the gate handed to Terraform), `approved` (figures of the approvals that count),
# `quotas` (the offering's own), `roles` (who may approve what), `plan` (Terraform's JSON).
package gate.plan

import data.gate.lists

refusal(what, limit, fix, who) := {"msg": what, "limit": limit, "fix": fix, "who": who}

made(what, limit, fix) := refusal(what, limit, fix, lists.keepers)

told(name) := object.get(input.given, name, null)

overridden if told("override") != null

# --- what is asked for, and what would be made -----------------------------------------------------------------------

changes := [change | some change in input.plan.resource_changes; change.change.after != null]

manifests := [manifest |
	some change in changes
	manifest := yaml.unmarshal(change.change.after.yaml_body)
]

quotas := [manifest | some manifest in manifests; manifest.kind == "ResourceQuota"]

asked_cores := sum([stage.cpu | some stage in input.given.stages])

planned_cores := sum([units.parse(quota.spec.hard["requests.cpu"]) | some quota in quotas])

cores := max([asked_cores, planned_cores])

iops := sum([stage.iops | some stage in input.given.stages])

asked_storage := sum([stage.storage_gib | some stage in input.given.stages])

totals := {
	"cpu": cores,
	"memory_gib": sum([stage.memory_gib | some stage in input.given.stages]),
	"storage_gib": asked_storage,
	"iops": iops,
}

measures := {"cpu": "CPU cores", "memory_gib": "GiB of memory", "storage_gib": "GiB of storage", "iops": "IOPS"}

# --- limits ----------------------------------------------------------------------------------------------------------

over contains refusal(
	sprintf("%v CPU cores are asked for over all stages", [cores]),
	sprintf("%v without an approved scope", [input.quotas.cpu_standard]),
	sprintf("at most %v cores, or an approved scope that names %v or more (%v at most)", [
		input.quotas.cpu_standard, ceil(cores), input.quotas.cpu_scoped,
	]),
	input.roles.scope,
) if {
	told("scope") == null
	cores > input.quotas.cpu_standard
}

over contains refusal(
	sprintf("%v CPU cores are asked for over all stages", [cores]),
	sprintf("%v with the scope that %s approved", [input.given.quotas.cpu_scoped, input.given.scope.approved_by]),
	sprintf("at most %v cores, or an approved scope that names %v or more (%v at most)", [
		input.given.quotas.cpu_scoped, ceil(cores), input.quotas.cpu_scoped,
	]),
	input.roles.scope,
) if {
	told("scope") != null
	cores > input.given.quotas.cpu_scoped
	cores <= input.quotas.cpu_scoped
}

over contains refusal(
	sprintf("%v CPU cores are asked for over all stages", [cores]),
	sprintf("%v, also with an approved scope", [input.quotas.cpu_scoped]),
	sprintf("at most %v cores, or an override", [input.quotas.cpu_scoped]),
	input.roles.override,
) if {
	told("scope") != null
	cores > input.quotas.cpu_scoped
}

over contains refusal(
	sprintf("%v IOPS are asked for over all stages", [iops]),
	sprintf("below %v without an approval of IOPS", [input.quotas.iops_approval]),
	sprintf("less than %v IOPS, or an approval of IOPS", [input.quotas.iops_approval]),
	input.roles.iops,
) if {
	iops >= input.quotas.iops_approval
	told("iops_approval") == null
}

over contains refusal(
	sprintf("%v IOPS are asked for over all stages", [iops]),
	sprintf("%v, which %s approved", [input.approved.iops, input.given.iops_approval.approved_by]),
	sprintf("at most %v IOPS, or an approval of IOPS that names %v or more", [input.approved.iops, iops]),
	input.roles.iops,
) if {
	iops >= input.quotas.iops_approval
	told("iops_approval") != null
	iops > input.approved.iops
}

over contains refusal(
	sprintf("%v GiB of storage are asked for over all stages", [asked_storage]),
	sprintf("%v GiB, which %s includes", [input.given.storage.gib, input.given.storage.of]),
	sprintf("at most %v GiB, or an approved scope that names %v or more", [input.given.storage.gib, ceil(asked_storage)]),
	input.roles.scope,
) if {
	told("storage") != null
	asked_storage > input.given.storage.gib
}

# What the limits above refuse already: nobody is told twice that the same is too much.
told_already contains "cpu" if {
	told("scope") == null
	cores > input.quotas.cpu_standard
}

told_already contains "cpu" if {
	told("scope") != null
	cores > input.given.quotas.cpu_scoped
}

told_already contains "iops" if {
	iops >= input.quotas.iops_approval
	iops > input.approved.iops
}

told_already contains "storage_gib" if {
	told("storage") != null
	asked_storage > input.given.storage.gib
}

# What the scope names, else what its size includes, and never more than the platform has. Sums of fractions are not
# exact.
beyond[resource] := bound if {
	some resource, bound in object.get(input.given, "bounds", {})
	not resource in told_already
	totals[resource] > bound.most + 0.001
}

over contains refusal(
	sprintf("%v %s are asked for over all stages", [totals[resource], measures[resource]]),
	sprintf("%v, which %s", [bound.most, bound.of]),
	sprintf("at most %v %s, or a scope that names %v or more", [
		bound.most, measures[resource], ceil(totals[resource]),
	]),
	input.roles.scope,
) if {
	some resource, bound in beyond
	bound.of != lists.platform
}

# No scope lifts it.
over contains refusal(
	sprintf("%v %s are asked for over all stages", [totals[resource], measures[resource]]),
	sprintf("%v, which %s", [bound.most, bound.of]),
	sprintf("at most %v %s, a larger platform, or an override", [bound.most, measures[resource]]),
	input.roles.override,
) if {
	some resource, bound in beyond
	bound.of == lists.platform
}

deny contains one if {
	some one in over
	not overridden
}

# The rule that an override sets aside is told all the same.
warn contains object.union(one, {"by": input.given.override.approved_by, "why": input.given.override.reason}) if {
	some one in over
	overridden
}

# --- Terraform's own conditions: they win, whatever was found here ---------------------------------------------------

deny contains made(problem.message, "Terraform's own conditions", "mend what it says") if {
	some check in input.plan.checks
	check.status != "pass"
	some instance in check.instances
	some problem in instance.problems
	not said_already(problem.message)
}

deny contains made(
	sprintf("%s was not decided", [check.address.to_display]), "every condition holds before anything is made", "mend it",
) if {
	some check in input.plan.checks
	not check.status in {"pass", "fail"}
}

# The guardrail's words are those of the limits above.
said_already(message) if {
	startswith(message, "Refused by the guardrail.")
	count(over) > 0
	not overridden
}

# --- nothing slipped past --------------------------------------------------------------------------------------------

deny contains made(
	sprintf("the plan was made with another `%s` than the gate hands in", [name]),
	"variables come from the gate alone", "take out whatever sets it",
) if {
	some name in object.keys(input.plan.variables) | object.keys(input.given)
	object.get(input.plan.variables, [name, "value"], null) != told(name)
}

calls := input.plan.configuration.root_module.module_calls

deny contains made(
	sprintf("no module `%s` is called", [wanted]), "the guardrail stands in front of the landing zone",
	"call it as the toolkit's own root module does",
) if {
	some wanted in {"guardrails", "landing_zone"}
	object.get(calls, [wanted, "source"], "") != sprintf("../../modules/%s", [wanted])
}

deny contains made(
	sprintf("the guardrail takes `%s` from elsewhere than the variable of that name", [argument]),
	"the guardrail judges what the gate hands in", sprintf("%s = var.%s", [argument, argument]),
) if {
	some argument in lists.modules["../../modules/guardrails"]
	object.get(calls, ["guardrails", "expressions", argument], {}) != {"references": [sprintf("var.%s", [argument])]}
}

deny contains made(
	sprintf("the landing zone takes `%s` from elsewhere than the guardrail", [argument]),
	"what is built was let through", sprintf("%s = module.guardrails.%s", [argument, argument]),
) if {
	some argument in lists.modules["../../modules/landing_zone"]
	wanted := {"references": [sprintf("module.guardrails.%s", [argument]), "module.guardrails"]}
	object.get(calls, ["landing_zone", "expressions", argument], {}) != wanted
}

deny contains made(
	sprintf("stage %s would get %v CPU cores, and %v are asked for", [space, planned, asked]),
	"what was asked for", "take out what raises it",
) if {
	some quota in quotas
	space := quota.metadata.namespace
	planned := units.parse(quota.spec.hard["requests.cpu"])
	asked := object.get(input.given.stages, [space, "cpu"], 0)
	planned > asked + 0.001
}

deny contains made(
	sprintf("stage %s would get %v of %s, and %v are asked for", [space, quota.spec.hard[resource], resource, asked]),
	"what was asked for", "take out what raises it",
) if {
	some quota in quotas
	space := quota.metadata.namespace
	some resource in {"pods", "services"}
	asked := object.get(input.given.stages, [space, resource], 0)
	to_number(quota.spec.hard[resource]) > asked
}

deny contains made(
	sprintf("stage %s would get %s of storage, and %v GiB are asked for", [
		space, quota.spec.hard["requests.storage"], asked,
	]),
	"what was asked for", "take out what raises it",
) if {
	some quota in quotas
	space := quota.metadata.namespace
	asked := object.get(input.given.stages, [space, "storage_gib"], 0)
	units.parse_bytes(quota.spec.hard["requests.storage"]) > ceil(asked) * 1073741824
}

deny contains made(
	sprintf("stage %s would get %s of memory, and %v GiB are asked for", [
		space, quota.spec.hard["requests.memory"], asked,
	]),
	"what was asked for", "take out what raises it",
) if {
	some quota in quotas
	space := quota.metadata.namespace
	asked := object.get(input.given.stages, [space, "memory_gib"], 0)

	# Whole mebibytes, rounded up.
	units.parse_bytes(quota.spec.hard["requests.memory"]) > ((asked * 1024) + 1) * 1048576
}

deny contains made(
	sprintf("namespace %s would have no %s", [manifest.metadata.name, kind]),
	"every stage has its limits", "take it from the landing zone's module",
) if {
	some manifest in manifests
	manifest.kind == "Namespace"
	some kind in lists.belongings
	not belongs(kind, manifest.metadata.name)
}

belongs(kind, space) if {
	some manifest in manifests
	manifest.kind == kind
	manifest.metadata.namespace == space
}

deny contains made(
	sprintf("%s is outside of the landing zone's module", [change.address]),
	"everything that is built comes from it", "take it out",
) if {
	some change in input.plan.resource_changes
	object.get(change, "module_address", "") != "module.landing_zone"
}

deny contains made(
	sprintf("%s is of the provider %s", [change.address, change.provider_name]),
	"providers on the list", "leave it out, or have it put on the list",
) if {
	some change in input.plan.resource_changes
	not change.provider_name in lists.providers
}

deny contains made(
	sprintf("%s: what it would be is not known before it is made", [change.address]),
	"every object is known when it is judged", "write it out",
) if {
	some change in changes
	not is_string(object.get(change.change.after, "yaml_body", null))
}

deny contains made(
	sprintf("%s is of the kind %s", [manifest.metadata.name, manifest.kind]),
	sprintf("kinds on the list: %s", [concat(", ", sort(lists.kinds))]), "take it out",
) if {
	some manifest in manifests
	not manifest.kind in lists.kinds
}

# Also inside of modules.
deny contains made(sprintf("module %s from %s", [name, call.source]), "modules of the toolkit", "call one of these") if {
	walk(input.plan.configuration.root_module, [path, call])
	count(path) > 1
	path[count(path) - 2] == "module_calls"
	name := path[count(path) - 1]
	not call.source in object.keys(lists.modules)
}

deny contains made(sprintf("a provisioner in %s", [resource.address]), "no provisioners", "take it out") if {
	walk(input.plan.configuration.root_module, [_, resource])
	is_array(resource.provisioners)
}

deny contains made(sprintf("data source %s", [resource.address]), "no data sources", "write the value as text") if {
	walk(input.plan.configuration.root_module, [_, resource])
	resource.mode == "data"
}

deny contains made(
	sprintf("provider %s", [provider.full_name]), "providers on the list", "leave it out, or have it put on the list",
) if {
	some provider in input.plan.configuration.provider_config
	not provider.full_name in lists.providers
}

# Whatever the text says: who is not shown the state judges against none from then on.
deny contains made(sprintf("output %s is sensitive", [name]), lists.no_secret, lists.no_mark) if {
	some outputs in [
		object.get(input.plan.configuration.root_module, "outputs", {}),
		object.get(input.plan, ["planned_values", "outputs"], {}),
	]
	some name, output in outputs
	object.get(output, "sensitive", false) != false
}

# --- an input without its parts is refused: nothing is judged by what is not there ----------------------------------

deny contains made(sprintf("`%s` is missing in what is judged", [part]), "all of it", "this is a fault of pov") if {
	some part in ["given", "approved", "quotas", "roles", "plan"]
	not is_object(object.get(input, part, null))
}

deny contains made(sprintf("the plan has no `%s`", [part]), "all of it", "a Terraform or OpenTofu that tells it") if {
	some part in ["resource_changes", "checks", "configuration", "variables"]
	object.get(input.plan, part, null) == null
}
