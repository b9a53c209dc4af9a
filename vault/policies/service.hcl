# What a service may do: have a certificate made for itself. Which names these are, the PKI role says.
path "pki_int/issue/service" {
  capabilities = ["update"]
}
