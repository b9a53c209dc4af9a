# Plans only: nothing is made, no cluster is needed.

variables {
  quotas = { cpu_standard = 64, cpu_scoped = 512, iops_approval = 10000 }
  stages = {
    staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40 }
    prod    = { cpu = 8, memory_gib = 16, pods = 80, services = 40 }
  }
}

run "a_modest_request_passes" {
  command = plan
  assert {
    condition     = output.decision == "within the standard offering" && length(output.stages) == 2
    error_message = "A modest request must pass unchanged."
  }
}

run "exactly_64_cores_pass_without_scope" {
  command = plan
  variables {
    stages = { staging = { cpu = 64, memory_gib = 16, pods = 80, services = 40 } }
  }
}

run "above_64_cores_is_refused_without_scope" {
  command = plan
  variables {
    stages = { staging = { cpu = 65, memory_gib = 16, pods = 80, services = 40 } }
  }
  expect_failures = [output.stages]
}

run "splitting_a_request_does_not_help" {
  command = plan
  variables {
    stages = {
      staging = { cpu = 40, memory_gib = 16, pods = 80, services = 40 }
      prod    = { cpu = 40, memory_gib = 16, pods = 80, services = 40 }
    }
  }
  expect_failures = [output.stages]
}

run "an_approved_scope_allows_512_cores" {
  command = plan
  variables {
    stages = { staging = { cpu = 512, memory_gib = 16, pods = 80, services = 40 } }
    scope        = { reference = "SOW-7", approved_by = "A. Architect" }
  }
}

run "above_512_cores_is_refused_even_with_scope" {
  command = plan
  variables {
    stages = { staging = { cpu = 513, memory_gib = 16, pods = 80, services = 40 } }
    scope        = { reference = "SOW-7", approved_by = "A. Architect" }
  }
  expect_failures = [output.stages]
}

run "a_scope_without_approver_is_refused" {
  command = plan
  variables {
    scope = { reference = "SOW-7", approved_by = " " }
  }
  expect_failures = [var.scope]
}

run "iops_below_the_threshold_pass" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, iops = 9999 } }
  }
}

run "ten_thousand_iops_need_the_vp" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, iops = 10000 } }
  }
  expect_failures = [output.stages]
}

run "the_vp_approves_iops" {
  command = plan
  variables {
    stages  = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, iops = 10000 } }
    iops_approval = { role = "engineering-vp", approved_by = "V. President" }
  }
}

run "nobody_else_approves_iops" {
  command = plan
  variables {
    iops_approval = { role = "sales-vp", approved_by = "S. President" }
  }
  expect_failures = [var.iops_approval]
}

run "no_environment_is_refused" {
  command = plan
  variables {
    stages = {}
  }
  expect_failures = [var.stages]
}

run "an_empty_name_is_refused" {
  command = plan
  variables {
    stages = { "" = { cpu = 8, memory_gib = 16, pods = 80, services = 40 } }
  }
  expect_failures = [var.stages]
}

run "a_name_that_is_no_namespace_is_refused" {
  command = plan
  variables {
    stages = { "Prod_1" = { cpu = 8, memory_gib = 16, pods = 80, services = 40 } }
  }
  expect_failures = [var.stages]
}

run "no_limit_at_all_is_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 0, memory_gib = 16, pods = 80, services = 40 } }
  }
  expect_failures = [var.stages]
}

run "an_override_lets_through_and_is_recorded" {
  command = plan
  variables {
    stages = { staging = { cpu = 600, memory_gib = 16, pods = 80, services = 40, iops = 20000 } }
    override     = { approved_by = "C. Officer", reason = "load test agreed for one week" }
  }
  assert {
    condition     = output.decision == "overridden by C. Officer: load test agreed for one week" && length(output.overridden) == 2
    error_message = "An override must name its approver and what it set aside."
  }
}

run "an_override_without_a_name_is_refused" {
  command = plan
  variables {
    override = { approved_by = "", reason = "load test agreed for one week" }
  }
  expect_failures = [var.override]
}

run "an_override_without_a_reason_is_refused" {
  command = plan
  variables {
    override = { approved_by = "C. Officer", reason = "because" }
  }
  expect_failures = [var.override]
}

run "quotas_are_those_that_are_handed_in" {
  command = plan
  variables {
    quotas = { cpu_standard = 7, cpu_scoped = 9, iops_approval = 100 }
    scope  = { reference = "SOW-7", approved_by = "A. Architect" }
  }
  expect_failures = [output.stages]
}

run "a_scope_that_allows_less_is_refused" {
  command = plan
  variables {
    quotas = { cpu_standard = 64, cpu_scoped = 63, iops_approval = 10000 }
  }
  expect_failures = [var.quotas]
}

run "storage_up_to_the_sizes_passes" {
  command = plan
  variables {
    storage = { gib = 500, of = "size Small" }
    stages  = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = 500 } }
  }
}

run "storage_above_the_sizes_is_refused_over_all_stages" {
  command = plan
  variables {
    storage = { gib = 500, of = "size Small" }
    stages = {
      staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = 251 }
      prod    = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = 250 }
    }
  }
  expect_failures = [output.stages]
}

run "storage_of_a_size_without_a_limit_passes" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = 999999 } }
  }
}

run "negative_storage_is_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = -1 } }
  }
  expect_failures = [var.stages]
}

run "the_cluster_is_told_the_limits_that_count_now" {
  command = plan
  variables {
    storage = { gib = 500, of = "size Small" }
  }
  assert {
    condition     = output.limits.cpu == 64 && output.limits.storage_gib == 500
    error_message = "Without a scope the standard's limit counts, and the size's storage."
  }
  assert {
    condition     = output.limits.cpu_words == "CPU cores are asked for and 64 are allowed without an approved scope: ask for an approved scope, which allows up to 512."
    error_message = "The words are the guardrail's."
  }
}

run "what_an_override_let_through_is_not_refused_in_the_cluster" {
  command = plan
  variables {
    stages   = { staging = { cpu = 600, memory_gib = 16, pods = 80, services = 40 } }
    override = { approved_by = "C. Officer", reason = "load test agreed for one week" }
  }
  assert {
    condition     = output.limits.cpu == null
    error_message = "The stage's own limit is left."
  }
}

run "what_the_scope_names_passes" {
  command = plan
  variables {
    bounds = { memory_gib = { most = 32, of = "the scope of acme names" } }
  }
}

run "more_memory_than_the_scope_names_is_refused_over_all_stages" {
  command = plan
  variables {
    bounds = { memory_gib = { most = 31, of = "the scope of acme names" } }
  }
  expect_failures = [output.stages]
}

run "more_cores_than_the_scope_names_are_refused_below_the_quota" {
  command = plan
  variables {
    bounds = { cpu = { most = 15, of = "the scope of acme names" } }
  }
  expect_failures = [output.stages]
}

run "more_storage_than_the_scope_names_is_refused_below_the_sizes" {
  command = plan
  variables {
    storage = { gib = 500, of = "size Small" }
    bounds  = { storage_gib = { most = 100, of = "the scope of acme names" } }
    stages  = { prod = { cpu = 8, memory_gib = 16, pods = 80, services = 40, storage_gib = 101 } }
  }
  expect_failures = [output.stages]
}

run "more_iops_than_the_scope_names_are_refused_below_the_quota" {
  command = plan
  variables {
    bounds = { iops = { most = 3000, of = "the scope of acme names" } }
    stages = { prod = { cpu = 8, memory_gib = 16, pods = 80, services = 40, iops = 3001 } }
  }
  expect_failures = [output.stages]
}

run "what_a_quota_refuses_is_told_once" {
  command = plan
  variables {
    bounds   = { cpu = { most = 15, of = "the scope of acme names" }, memory_gib = { most = 15, of = "the scope of acme names" } }
    stages   = { prod = { cpu = 65, memory_gib = 16, pods = 80, services = 40 } }
    override = { approved_by = "C. Officer", reason = "load test agreed for one week" }
  }
  assert {
    condition     = length(output.overridden) == 2 && output.overridden[1] == "16 GiB of memory are asked for and 15 are what the scope of acme names: an engineer reviews the deal."
    error_message = "One line a figure, with the limit and whose it is."
  }
}

run "a_bound_of_nothing_known_is_refused" {
  command = plan
  variables {
    bounds = { users = { most = 15, of = "the scope of acme names" } }
  }
  expect_failures = [var.bounds]
}

run "a_bound_without_an_owner_is_refused" {
  command = plan
  variables {
    bounds = { cpu = { most = 15, of = " " } }
  }
  expect_failures = [var.bounds]
}

# Each condition of the variables by itself: nothing else is wrong with what is asked for here.

run "no_memory_is_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 0, pods = 80, services = 40 } }
  }
  expect_failures = [var.stages]
}

run "no_pods_are_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 0, services = 40 } }
  }
  expect_failures = [var.stages]
}

run "no_services_are_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 0 } }
  }
  expect_failures = [var.stages]
}

run "negative_iops_are_refused" {
  command = plan
  variables {
    stages = { staging = { cpu = 8, memory_gib = 16, pods = 80, services = 40, iops = -1 } }
  }
  expect_failures = [var.stages]
}

run "a_standard_of_no_cores_is_refused" {
  command = plan
  variables {
    quotas = { cpu_standard = 0, cpu_scoped = 512, iops_approval = 10000 }
    # It lets what is asked for through, so that nothing but the quota is refused.
    override = { approved_by = "C. Officer", reason = "load test agreed for one week" }
  }
  expect_failures = [var.quotas]
}

run "a_quota_of_no_iops_is_refused" {
  command = plan
  variables {
    quotas        = { cpu_standard = 64, cpu_scoped = 512, iops_approval = 0 }
    iops_approval = { role = "engineering-vp", approved_by = "V. President" }
  }
  expect_failures = [var.quotas]
}

run "a_limit_of_no_storage_is_refused" {
  command = plan
  variables {
    storage = { gib = 0, of = "size Small" }
  }
  expect_failures = [var.storage]
}

run "a_limit_of_storage_that_is_nobodys_is_refused" {
  command = plan
  variables {
    storage = { gib = 500, of = " " }
  }
  expect_failures = [var.storage]
}

run "a_scope_without_reference_is_refused" {
  command = plan
  variables {
    scope = { reference = " ", approved_by = "A. Architect" }
  }
  expect_failures = [var.scope]
}

run "an_approval_of_iops_without_a_name_is_refused" {
  command = plan
  variables {
    iops_approval = { role = "engineering-vp", approved_by = " " }
  }
  expect_failures = [var.iops_approval]
}
