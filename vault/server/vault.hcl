# The same for HashiCorp Vault, which has no static seal and no declared audit: `pov up` unseals it with the keys that
# it keeps in the environment's secrets, and turns the audit device on through the API before anything else.

ui            = true
disable_mlock = true
api_addr      = "https://vault.vault.svc:8200"
cluster_addr  = "https://127.0.0.1:8201"
pid_file      = "/vault/run/pid"

storage "raft" {
  path    = "/vault/data"
  node_id = "vault-0"

  performance_multiplier = 1
}

listener "tcp" {
  address         = "[::]:8200"
  cluster_address = "127.0.0.1:8201"
  tls_cert_file   = "/vault/tls/tls.crt"
  tls_key_file    = "/vault/tls/tls.key"
  tls_min_version = "tls12"
}
