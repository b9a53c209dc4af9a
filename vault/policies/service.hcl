# What a service may do: have a certificate made for itself. Which names these are, the PKI role says.
path "pki_int/issue/service" {
  capabilities = ["update"]
}
# Read its own credential, and nobody else's: the server fills in the service account that logged in.
path "secret/data/{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/{{identity.entity.aliases.${accessor}.metadata.service_account_name}}" {
  capabilities = ["read"]
}
