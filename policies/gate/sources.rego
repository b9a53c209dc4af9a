# Judges the text of a root module, before Terraform reads it: what it would run, fetch or load.
# Input: every file, as [{"path", "contents"}], parsed.
package gate.sources

import data.gate.lists

refusal(what, limit, fix) := {"msg": what, "limit": limit, "fix": fix, "who": lists.keepers}

# Where a provider comes from: who names no source means HashiCorp's.
source_of(_, wanted) := wanted.source if is_string(wanted.source)

source_of(local, wanted) := sprintf("hashicorp/%s", [local]) if not is_string(object.get({"asked": wanted}, ["asked", "source"], null))

name(file) := concat("", regex.find_n(`[^/]+$`, file.path, 1))

# Every file holds an object, whatever the parser made of it.
deny contains refusal("there is no Terraform file to look at", "at least one", "name the folder of a root module") if {
	count(input) == 0
}

deny contains refusal(
	sprintf("%s holds what nobody can read", [name(file)]), "blocks of Terraform", "mend the file",
) if {
	some file in input
	not is_object(file.contents)
}

deny contains refusal(
	sprintf("%s: a provisioner (%s) in %s.%s", [name(file), kind, type, label]),
	"no provisioners: they run commands where the plan is applied",
	"take it out; bring the change through the landing zone's modules",
) if {
	some file in input
	some type, labels in file.contents.resource
	some label, bodies in labels
	some body in bodies
	some kind, _ in body.provisioner
}

deny contains refusal(
	sprintf("%s: data source %s.%s", [name(file), type, label]),
	"no data sources: they run programs or fetch addresses while the plan is made",
	"write the value as text",
) if {
	some file in input
	some type, labels in file.contents.data
	some label, _ in labels
}

deny contains refusal(
	sprintf("%s: provider %s from %s", [name(file), local, source]),
	sprintf("providers on the list: %s", [concat(", ", sort(lists.provider_sources))]),
	"leave it out, or have it put on the list",
) if {
	some file in input
	some settings in file.contents.terraform
	some required in settings.required_providers
	some local, wanted in required
	source := source_of(local, wanted)
	not source in lists.provider_sources
}

deny contains refusal(
	sprintf("%s: provider %s is set up", [name(file), local]), "kubectl alone", "leave it out",
) if {
	some file in input
	some local, _ in file.contents.provider
	local != "kubectl"
}

deny contains refusal(
	sprintf("%s: provider kubectl is given `%s`", [name(file), setting]),
	sprintf("settings on the list: %s", [concat(", ", sort(lists.provider_settings))]),
	"take it out: where the cluster is and as whom to speak to it is not for a change to say",
) if {
	some file in input
	some body in file.contents.provider.kubectl
	some setting, _ in body
	not setting in lists.provider_settings
}

deny contains refusal(
	sprintf("%s: module %s from %s", [name(file), label, object.get(body, "source", "nowhere")]),
	sprintf("modules of the toolkit: %s", [concat(", ", sort(object.keys(lists.modules)))]),
	"call one of these; others come with a release of the toolkit",
) if {
	some file in input
	some label, bodies in file.contents.module
	some body in bodies
	not object.get(body, "source", "nowhere") in object.keys(lists.modules)
}

deny contains refusal(
	sprintf("%s: module %s is told `%s`", [name(file), label, argument]),
	sprintf("%s is told: %s", [body.source, concat(", ", sort(lists.modules[body.source]))]),
	"take it out: what the way in lets through is not for a change to say",
) if {
	some file in input
	some label, bodies in file.contents.module
	some body in bodies
	some argument, _ in body
	not argument in lists.modules[body.source] | {"source"}
}

deny contains refusal(
	sprintf("%s: output %s is marked sensitive", [name(file), label]), lists.no_secret, lists.no_mark,
) if {
	some file in input
	some label, bodies in file.contents.output
	some body in bodies
	object.get(body, "sensitive", false) != false
}

deny contains refusal(
	sprintf("%s: the state would lie in a backend `%s`", [name(file), kind]),
	"backend `kubernetes`", "put the backend back",
) if {
	some file in input
	some settings in file.contents.terraform
	some kind, _ in settings.backend
	kind != "kubernetes"
}

deny contains refusal(
	sprintf("%s: backend kubernetes is given another `%s`", [name(file), setting]),
	"the state of the landing zone", "put the backend back",
) if {
	some file in input
	some settings in file.contents.terraform
	some body in settings.backend.kubernetes
	some setting, value in body
	value != object.get(lists.backend_settings, setting, null)
}

deny contains refusal(
	sprintf("%s: `%s` in the block terraform", [name(file), setting]),
	"required_version, required_providers and a backend", "take it out",
) if {
	some file in input
	some settings in file.contents.terraform
	some setting, _ in settings
	not setting in {"required_version", "required_providers", "backend"}
}

deny contains refusal(
	sprintf("%s: reads a file of the machine: %s", [name(file), text]),
	"no functions that read files", "write the content as text",
) if {
	some file in input
	some text in texts(file.contents)
	regex.match(reads, text)
	regex.match(`[$%]\{`, text)
}

# A call, with what Terraform allows between name and bracket: blanks and comments. The text of a template is one, too.
reads := `\b(file|file[a-z0-9]+|templatefile|templatestring|pathexpand|abspath)(\s|/\*(?s:.*?)\*/|(#|//)[^\n]*\n)*\(`

# Keys of an object are expressions as its values are.
texts(contents) := {text | walk(contents, [_, text]); is_string(text)} | {text |
	walk(contents, [path, _])
	some text in path
	is_string(text)
}

deny contains refusal(
	sprintf("%s: a block `%s`", [name(file), block]),
	sprintf("blocks on the list: %s", [concat(", ", sort(lists.blocks))]),
	"take it out; what is built comes from the landing zone's modules",
) if {
	some file in input
	some block, _ in file.contents
	not block in lists.blocks
	block != "data"
}
