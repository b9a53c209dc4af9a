# What `pov` may do once set-up is done: read the layout, and nothing else. No path below lets anybody write a policy, a
# role or a mount, sign or issue a certificate, bring in an issuer, or make a token: whatever is to change takes a root
# token, made from the recovery keys and gone with the change (see README.md).

path "sys/mounts" {
  capabilities = ["read"]
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

path "pki/config/issuers" {
  capabilities = ["read"]
}
path "pki/cert/*" {
  capabilities = ["read"]
}
path "pki_int/cert/*" {
  capabilities = ["read"]
}
path "pki_int/certs" {
  capabilities = ["list"]
}
path "pki_int/config/issuers" {
  capabilities = ["read"]
}
path "pki_int/config/auto-tidy" {
  capabilities = ["read"]
}
path "pki_int/roles/service" {
  capabilities = ["read"]
}

# Which services have a credential; no path lets it read one.
path "secret/metadata/*" {
  capabilities = ["list"]
}

# Nobody gets a root token from these paths without recovery keys as well, and nobody without this policy is asked for
# them.
path "sys/generate-root-token/*" {
  capabilities = ["read", "create", "update", "delete"]
}
