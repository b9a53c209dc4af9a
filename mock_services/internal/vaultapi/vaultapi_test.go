package vaultapi

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

	"pov.dev/mock/internal/testpki"
)

func connect(t *testing.T, handler http.Handler) *Client {
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "ca.crt")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := New(server.URL+"/", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func answer(w http.ResponseWriter, document any) { _ = json.NewEncoder(w).Encode(document) }

func TestLoginAndIssue(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/kubernetes/login", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body["role"] != "staging" || body["jwt"] != "jwt" || r.Header.Get("X-Vault-Token") != "" {
			t.Errorf("%v", body)
		}
		answer(w, map[string]any{"auth": map[string]any{"client_token": "token", "lease_duration": 300}})
	})
	mux.HandleFunc("POST /v1/pki_int/issue/service", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body["uri_sans"] != "spiffe://x" || body["ttl"] != "24h0m0s" || r.Header.Get("X-Vault-Token") != "token" {
			t.Errorf("%v", body)
		}
		answer(w, map[string]any{"data": Issued{Certificate: "c", Key: "k", Chain: []string{"i"}}})
	})
	client := connect(t, mux)
	token, lease, err := client.Login(t.Context(), "kubernetes", "staging", "jwt")
	if err != nil || token != "token" || lease != 5*time.Minute {
		t.Fatal(token, err)
	}
	issued, err := client.Issue(t.Context(), token, "pki_int", "service", Request{URISANs: "spiffe://x", TTL: "24h0m0s"})
	if err != nil || issued.Certificate != "c" || issued.Key != "k" || issued.Chain[0] != "i" {
		t.Fatal(issued, err)
	}
}

func TestSecret(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/secret/data/staging/a", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != "token" {
			t.Error("no token")
		}
		held := map[string]any{"data": map[string]string{"value": "v"}, "metadata": map[string]int{"version": 7}}
		answer(w, map[string]any{"data": held})
	})
	mux.HandleFunc("GET /v1/secret/data/staging/b", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"data": map[string]any{"data": map[string]string{"other": "v"}}})
	})
	client := connect(t, mux)
	if found, err := client.Secret(t.Context(), "token", "secret", "staging/a"); err != nil || found != (Secret{"v", 7}) {
		t.Error(found, err)
	}
	for _, path := range []string{"staging/b", "staging/c"} {
		if _, err := client.Secret(t.Context(), "token", "secret", path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func TestRootsAreTheSelfSignedIssuers(t *testing.T) {
	first, second := testpki.New(t, "first"), testpki.New(t, "second")
	leaf, _ := first.Issue(testpki.Wish{})
	known := map[string]string{"a": first.PEM, "b": second.PEM, "c": leaf}
	mux := http.NewServeMux()
	mux.HandleFunc("LIST /v1/pki/issuers", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"data": map[string]any{"keys": []string{"a", "b", "c"}}})
	})
	mux.HandleFunc("GET /v1/pki/issuer/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"data": map[string]string{"certificate": known[r.PathValue("id")]}})
	})
	roots, err := connect(t, mux).Roots(t.Context(), "pki")
	if err != nil || len(roots) != 2 {
		t.Fatal(len(roots), err)
	}
}

func TestErrorsTellWhatVaultSaid(t *testing.T) {
	client := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "issue/service") {
			http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		answer(w, map[string]any{"errors": []string{"permission denied"}})
	}))
	if _, _, err := client.Login(t.Context(), "kubernetes", "r", "jwt"); err == nil ||
		err.Error() != "login: status 403: permission denied" {
		t.Error(err)
	}
	if _, err := client.Issue(t.Context(), "secret", "pki_int", "service", Request{}); err == nil ||
		!strings.Contains(err.Error(), "status 307") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestAForeignServerIsNotBelieved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, []byte(testpki.New(t, "other").PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	client, err := New(server.URL, path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, _, err := client.Login(t.Context(), "kubernetes", "r", "jwt"); err == nil ||
		!strings.Contains(err.Error(), "unknown authority") {
		t.Error(err)
	}
	if _, err := New(server.URL, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file was taken")
	}
}
