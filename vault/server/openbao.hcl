# One server: raft on a volume, TLS by the bootstrap CA, unsealed by a key that the pod is given, audit from the start.
# The pod mounts a volume at /vault/data, and Secrets at /vault/tls and /vault/seal.

ui           = true
api_addr     = "https://vault.vault.svc:8200"
cluster_addr = "https://127.0.0.1:8201"
pid_file     = "/vault/run/pid"

storage "raft" {
  path    = "/vault/data"
  node_id = "vault-0"

  # A single node has nobody to wait for: after a restart it leads after one second, not after five.
  performance_multiplier = 1
}

listener "tcp" {
  address         = "[::]:8200"
  cluster_address = "127.0.0.1:8201"
  tls_cert_file   = "/vault/tls/tls.crt"
  tls_key_file    = "/vault/tls/tls.key"
  tls_min_version = "tls12"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///vault/seal/key"
}

# Declared here, since OpenBao refuses audit devices over its API: nobody can log in before the log is on.
audit "file" "volume" {
  description = "Every request and answer, on the data volume; kept small by server/rotate-audit.sh"
  options {
    # Right on the volume: a folder that is missing would be made with the file's mode, and nobody could enter it.
    file_path = "/vault/data/audit.log"
  }
}
