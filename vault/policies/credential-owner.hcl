# Who changes services' credentials: may write a new one and see which version is in force, and reads none.
path "secret/data/*" {
  capabilities = ["create", "update"]
}
path "secret/metadata/*" {
  capabilities = ["read"]
}
