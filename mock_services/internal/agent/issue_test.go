package agent

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/testpki"
)

// vault answers a login, an order for a certificate and the list of roots as the real one does.
func vault(t *testing.T, ca *testpki.CA, wish func() testpki.Wish) Options {
	answer := func(document any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(document) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/kubernetes/login", answer(map[string]any{"auth": map[string]string{"client_token": "t"}}))
	mux.HandleFunc("POST /v1/pki_int/issue/service", func(w http.ResponseWriter, r *http.Request) {
		certificate, key := ca.Issue(wish())
		answer(map[string]any{"data": map[string]any{
			"certificate": certificate, "private_key": key, "issuing_ca": ca.PEM, "ca_chain": []string{ca.PEM},
		}})(w, r)
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	options := Options{
		Vault: server.URL, VaultCA: filepath.Join(dir, "vault.crt"), AuthMount: "kubernetes", PKIMount: "pki_int",
		PKIRole: "service", Role: "staging", Token: filepath.Join(dir, "token"), Name: "a", Namespace: "staging",
		TrustDomain: "pov.dev", TTL: time.Hour, Out: t.TempDir(),
	}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for path, text := range map[string]string{options.VaultCA: string(own), options.Token: "jwt"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return options
}

func TestOnlyACertificateThatIsGoodNowTakesTheOldOnesPlace(t *testing.T) {
	wish := testpki.Wish{URIs: []string{"spiffe://pov.dev/ns/staging/sa/a"}}
	options := vault(t, testpki.New(t, "root"), func() testpki.Wish { return wish })
	first, err := options.VaultIssue(t.Context(), Record{Generation: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for want, each := range map[string]testpki.Wish{
		"not yet valid":   {From: time.Now().Add(time.Minute), Until: time.Now().Add(time.Hour)},
		"run out already": {From: time.Now().Add(-time.Hour), Until: time.Now().Add(-time.Second)},
	} {
		wish = each
		if _, err := options.VaultIssue(t.Context(), Record{Generation: "2"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	held, err := identity.Load(options.Out)
	if err != nil || held.Serial != first.Serial {
		t.Errorf("what was in place is gone: %v", err)
	}
	if record, _ := ReadRecord(options.Out); record.Generation != "1" {
		t.Errorf("%+v", record)
	}
}
