# What `pov` may do once set-up is done. It reads the whole layout, and changes what a running environment needs changed:
# lifetimes, the list of services, the issuing CA. It cannot change policies or its own role, mount anything, or have a
# certificate issued.

path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/mounts/pki_int/tune" {
  capabilities = ["read", "update"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/policies/acl/*" {
  capabilities = ["read"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}

path "auth/kubernetes/config" {
  capabilities = ["read"]
}
path "auth/kubernetes/role/*" {
  capabilities = ["read"]
}
path "auth/kubernetes/role/dev" {
  capabilities = ["read", "create", "update", "delete"]
}
path "auth/kubernetes/role/staging" {
  capabilities = ["read", "create", "update", "delete"]
}
path "auth/kubernetes/role/prod" {
  capabilities = ["read", "create", "update", "delete"]
}
path "auth/kubernetes/role/pov-system" {
  capabilities = ["read", "create", "update", "delete"]
}

path "pki/config/issuers" {
  capabilities = ["read"]
}
path "pki/cert/*" {
  capabilities = ["read"]
}
path "pki/root/sign-intermediate" {
  capabilities = ["update"]
}
path "pki_int/cert/*" {
  capabilities = ["read"]
}
path "pki_int/certs" {
  capabilities = ["list"]
}
path "pki_int/issuers" {
  capabilities = ["list"]
}
path "pki_int/issuer/*" {
  capabilities = ["read", "update", "patch"]
}
path "pki_int/intermediate/generate/internal" {
  capabilities = ["update"]
}
path "pki_int/intermediate/set-signed" {
  capabilities = ["update"]
}
path "pki_int/config/issuers" {
  capabilities = ["read", "update"]
}
path "pki_int/config/auto-tidy" {
  capabilities = ["read", "update"]
}
path "pki_int/roles/service" {
  capabilities = ["read", "create", "update"]
}

# Whatever else is to change takes a root token for as long as it lasts. Nobody gets one from these paths without a
# recovery key as well, and nobody without this policy is asked for one.
path "sys/generate-root-token/*" {
  capabilities = ["read", "create", "update", "delete"]
}
