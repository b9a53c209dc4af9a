output "namespaces" {
  description = "The stages' namespaces."
  value       = sort(keys(var.stages))
}

output "enforced" {
  description = "Those in which only Git changes anything."
  value       = sort(local.enforced)
}
