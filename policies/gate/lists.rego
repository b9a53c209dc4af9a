# What a change may be made of. Whatever is not listed is refused.
package gate.lists

providers := {"registry.terraform.io/gavinbunney/kubectl", "registry.opentofu.org/gavinbunney/kubectl"}

# The same, as a configuration names it.
provider_sources := {"gavinbunney/kubectl"} | providers

provider_settings := {"apply_retry_count"}

# Where the state lies, and nothing of how it is reached: that could be another cluster, or a program to start.
backend_settings := {"secret_suffix": "landing-zone", "namespace": "pov-terraform"}

blocks := {"locals", "module", "output", "provider", "terraform", "variable"}

# Each module that may be called, and what it is told; they come from the toolkit, whatever lies in a change.
modules := {
	"../../modules/guardrails": {"stages", "quotas", "storage", "bounds", "scope", "iops_approval", "override"},
	"../../modules/landing_zone": {"stages", "decision", "limits"},
}

kinds := {
	"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "Role", "RoleBinding",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

# Whose figure a bound is that no scope lifts.
platform := "the platform has"

# What every stage's namespace has.
belongings := {"ResourceQuota", "LimitRange", "NetworkPolicy"}

# Why no output is sensitive.
no_secret := "nothing secret in the state: the gate's Jobs judge against a copy of it, and are shown none that holds a secret"

no_mark := "take the mark out, or the output"

# Who answers for what is built of: these lists change by a release of the toolkit alone.
keepers := ["platform team"]
