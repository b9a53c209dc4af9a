package agent

import (
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/credential"
)

// store is a Vault with one credential; it counts logins, and refuses every look while `refuse` is set.
type store struct {
	value   string
	version int
	logins  int
	asked   int
	refuse  bool
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/login"):
		s.logins++
		_ = json.NewEncoder(w).Encode(map[string]any{"auth": map[string]any{"client_token": "t", "lease_duration": 100}})
	case r.URL.Path != "/v1/secret/data/staging/a" || s.refuse:
		s.asked++
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{"permission denied"}})
	default:
		s.asked++
		held := map[string]any{"data": map[string]string{"value": s.value}, "metadata": map[string]int{"version": s.version}}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": held})
	}
}

func TestACredentialIsKept(t *testing.T) {
	vault := &store{value: "first", version: 1}
	server := httptest.NewTLSServer(vault)
	defer server.Close()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	options := Options{
		Vault: server.URL, VaultCA: put("ca.crt", string(ca)), Token: put("jwt", "jwt"), Out: dir, Namespace: "staging",
		Name: "a", AuthMount: "kubernetes", Role: "staging", CredentialMount: "secret", CredentialEvery: time.Second,
	}
	kept := NewCredential(options, slog.New(slog.DiscardHandler))
	at := time.Unix(1000, 0)
	held := func() string {
		raw, _ := os.ReadFile(filepath.Join(dir, credential.File))
		return string(raw)
	}
	look := func(after time.Duration) error { return kept.Look(t.Context(), at.Add(after)) }

	if kept.Ready() {
		t.Error("ready without one")
	}
	if err := look(0); err != nil || held() != "first" || !kept.Ready() {
		t.Fatal(err, held())
	}
	vault.value, vault.version = "second", 2
	if err := look(50 * time.Second); err != nil || held() != "second" || vault.logins != 1 {
		t.Fatal(err, held(), vault.logins)
	}
	if err := look(61 * time.Second); err != nil || vault.logins != 2 {
		t.Fatal("the lease is nearly over: a new login is due", err, vault.logins)
	}
	vault.refuse = true
	if err := look(62 * time.Second); err == nil || held() != "second" || !kept.Ready() {
		t.Fatal("what is in place stays", err, held())
	}
	if version, fault := kept.Told(); version != 2 || !strings.Contains(fault, "permission denied") {
		t.Error(version, fault)
	}
	vault.refuse = false
	if err := look(63 * time.Second); err != nil || vault.logins != 3 {
		t.Error("a refused token is not used again", err, vault.logins)
	}
	if _, fault := kept.Told(); fault != "" {
		t.Error(fault)
	}
	os.Remove(filepath.Join(dir, credential.File))
	if err := look(64 * time.Second); err != nil || held() != "second" {
		t.Error("a lost file is put back", err, held())
	}
}
