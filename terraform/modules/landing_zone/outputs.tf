output "namespaces" {
  description = "The environments' namespaces."
  value       = sort(keys(var.environments))
}

output "enforced" {
  description = "Those in which only Git changes anything."
  value       = sort(local.enforced)
}
