package prober

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/service"
	"pov.dev/mock/internal/testpki"
)

const (
	me    = "spiffe://pov.dev/ns/pov-system/sa/prober"
	limit = time.Minute
)

var quiet = slog.New(slog.DiscardHandler)

// bench is a prober with an estate of three services: a calls b, b calls c.
type bench struct {
	t    *testing.T
	url  string
	http *http.Client
	stop map[string]context.CancelFunc
}

func start(t *testing.T) *bench {
	ca := testpki.New(t, "root")
	dir := t.TempDir()
	addresses := map[string]string{}
	for _, name := range []string{"a", "b", "c", "api"} {
		addresses[name] = free(t)
	}
	topology := filepath.Join(dir, "topology.json")
	put(t, topology, fmt.Sprintf(`{"namespace":"staging","prober":"%s","services":{
		"a":{"address":"%s","calls":[{"to":"b","payloadBytes":10}]},
		"b":{"address":"%s","callers":["a"],"calls":[{"to":"c"}]},
		"c":{"address":"%s","callers":["b"]}}}`, me, addresses["a"], addresses["b"], addresses["c"]))
	put(t, filepath.Join(dir, "release"), "v7")
	put(t, filepath.Join(dir, "token"), "secret\n")
	b := &bench{t: t, url: "https://" + addresses["api"], stop: map[string]context.CancelFunc{}}
	for _, name := range []string{"a", "b", "c"} {
		certs := t.TempDir()
		ca.Write(certs, identity.ID("pov.dev", "staging", name), ca)
		s, err := service.New(service.Options{
			Name: name, Namespace: "staging", Topology: topology, Certs: certs, Listen: addresses[name],
			Release: filepath.Join(dir, "release"), Reload: true,
		}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		b.stop[name] = cancel
		t.Cleanup(cancel)
		go func() { _ = s.Run(ctx) }()
	}
	certs, page := t.TempDir(), t.TempDir()
	ca.Write(certs, me, ca)
	ca.Write(page, me, ca)
	config := map[string]any{"estates": []map[string]any{
		{
			"name": "staging", "namespace": "staging", "certs": certs, "services": []string{"a", "b", "c"},
			"edges":     [][2]string{{"a", "b"}, {"b", "c"}},
			"addresses": map[string][]string{"a": {addresses["a"]}, "b": {addresses["b"]}, "c": {addresses["c"]}},
		},
		{"name": "legacy", "namespace": "legacy", "certs": t.TempDir(), "services": []string{"a"}},
	}}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "prober.json"), string(raw))
	go func() {
		_ = Run(t.Context(), Options{
			Config: filepath.Join(dir, "prober.json"), Listen: addresses["api"], TLS: page,
			TokenFile: filepath.Join(dir, "token"),
		}, quiet)
	}()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca.PEM))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	b.http = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if _, status := b.ask("GET", "/v1/verify?estate=staging", "", "secret"); status == 200 {
			return b
		}
		if time.Now().After(end) {
			t.Fatal("the prober does not answer")
		}
	}
}

func (b *bench) ask(method, path, body, token string) ([]byte, int) {
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewBufferString(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := b.http.Do(request)
	if err != nil {
		return nil, 0
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(response.Body)
	return raw, response.StatusCode
}

func call[T any](b *bench, method, path, body string) T {
	b.t.Helper()
	var into T
	raw, status := b.ask(method, path, body, "secret")
	if err := json.Unmarshal(raw, &into); err != nil || status/100 != 2 {
		b.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	return into
}

func TestVerifyIdentifyRefusals(t *testing.T) {
	b := start(t)
	edges := call[struct{ Edges []EdgeAnswer }](b, "GET", "/v1/verify?estate=staging", "").Edges
	if len(edges) != 2 || !edges[0].OK || !edges[1].OK || edges[0].Version != "v7" || edges[0].Serial == "" {
		t.Errorf("%+v", edges)
	}
	rows := call[struct{ Services []Replica }](b, "GET", "/v1/identify?estate=staging&services=b,c", "").Services
	if len(rows) != 2 || rows[0].Service != "b" || rows[0].Serial != edges[0].Serial || rows[0].NotAfter == nil {
		t.Errorf("%+v", rows)
	}
	refusals := call[Refusals](b, "GET", "/v1/refusals?estate=staging", "")
	if refusals.Pairs != 4 || len(refusals.Admitted) != 0 || len(refusals.Errors) != 0 {
		t.Errorf("%+v", refusals)
	}
	b.stop["c"]()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		rows = call[struct{ Services []Replica }](b, "GET", "/v1/identify?estate=staging&services=c", "").Services
		if rows[0].Error != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a service that is gone still answers")
		}
	}
	edges = call[struct{ Edges []EdgeAnswer }](b, "GET", "/v1/verify?estate=staging", "").Edges
	if edges[1].OK || edges[1].Error != "b to c: connect: connection refused" || !edges[0].OK {
		t.Errorf("%+v", edges)
	}
}

func TestLoadCountsBothSchedules(t *testing.T) {
	b := start(t)
	wish := `{"estates":["staging"],"intervalMs":100,"newConnectionIntervalMs":200,"timeoutMs":60000}`
	id := call[map[string]string](b, "POST", "/v1/loads", wish)["id"]
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		now := call[Report](b, "GET", "/v1/loads/"+id, "")
		if now.Handshakes >= 10 && now.Running {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", now)
		}
	}
	report := call[Report](b, "DELETE", "/v1/loads/"+id, "")
	if report.Running || report.FailedRequests != report.Unsent || report.Late != 0 || len(report.Edges) != 2 {
		t.Errorf("%+v", report)
	}
	kept := 0
	for _, edge := range report.Edges {
		kept += edge.Kept.Requests
		if edge.Kept.Reconnects == 0 || edge.Kept.Reconnects >= edge.Kept.Requests || len(edge.Serials) != 1 {
			t.Errorf("%+v", edge)
		}
	}
	if report.Requests != kept+report.Handshakes || kept < report.Handshakes {
		t.Errorf("%+v", report)
	}
	want := 2 * (report.Seconds/0.1 + report.Seconds/0.2)
	if slack := 5.0; float64(report.Requests) < want-slack || float64(report.Requests) > want+slack {
		t.Errorf("%d requests, the schedule has %.1f", report.Requests, want)
	}
	again := call[Report](b, "DELETE", "/v1/loads/"+id, "")
	if again.Requests != report.Requests || again.Seconds != report.Seconds {
		t.Error("stopping again tells something else")
	}
}

func TestAnOutageIsCountedByItsEdge(t *testing.T) {
	b := start(t)
	b.stop["c"]()
	id := call[map[string]string](b, "POST", "/v1/loads",
		`{"estates":["staging"],"intervalMs":100,"newConnectionIntervalMs":0,"timeoutMs":60000}`)["id"]
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if now := call[Report](b, "GET", "/v1/loads/"+id, ""); now.FailedRequests >= 5 || time.Now().After(end) {
			break
		}
	}
	report := call[Report](b, "DELETE", "/v1/loads/"+id, "")
	good, bad := report.Edges[0], report.Edges[1]
	if good.Kept.Failed != 0 || bad.Kept.Failed < 5 || bad.Errors["b to c: connect: connection refused"] < 5 {
		t.Errorf("%+v", report)
	}
	if report.Handshakes != 0 || report.FailedHandshakes != 0 {
		t.Error("a schedule that was left out was run")
	}
	if bad.Kept.Hard != bad.Kept.Failed || report.Hard != report.FailedRequests || report.LateFailures != 0 {
		t.Errorf("a refused connection is a hard failure: %+v", report)
	}
	if failure := report.Failures[0]; failure.Edge != 1 || failure.Fresh || failure.Kind != client.Hard ||
		failure.Cause != "b to c: connect: connection refused" || failure.FromMs < 0 || failure.ToMs < failure.FromMs {
		t.Errorf("%+v", failure)
	}
}

func TestTheAPIRefuses(t *testing.T) {
	b := start(t)
	for _, each := range []struct {
		method, path, body, token string
		want                      int
	}{
		{"GET", "/v1/verify?estate=staging", "", "wrong", 401},
		{"GET", "/v1/verify?estate=staging", "", "", 401},
		{"GET", "/v1/verify?estate=none", "", "secret", 404},
		{"GET", "/v1/identify?estate=staging&services=a,none", "", "secret", 404},
		{"GET", "/v1/loads/none", "", "secret", 404},
		{"DELETE", "/v1/loads/none", "", "secret", 404},
		{"POST", "/v1/loads", "{", "secret", 400},
		{"POST", "/v1/loads", `{"estates":[],"intervalMs":100,"timeoutMs":100}`, "secret", 400},
		{"POST", "/v1/loads", `{"estates":["staging"],"timeoutMs":100}`, "secret", 400},
		{"POST", "/v1/loads", `{"estates":["staging"],"intervalMs":1,"timeoutMs":100}`, "secret", 400},
		{"POST", "/v1/loads", `{"estates":["staging"],"intervalMs":100}`, "secret", 400},
		{"POST", "/v1/loads", `{"estates":["none"],"intervalMs":100,"timeoutMs":100}`, "secret", 404},
		{"POST", "/v1/loads", loadOf(`[]`), "secret", 400},
		{"POST", "/v1/loads", loadOf(`[["staging","a"]]`), "secret", 400},
		{"POST", "/v1/loads", loadOf(`[["staging","a","b"],["staging","a","c"]]`), "secret", 404},
		{"POST", "/v1/loads", loadOf(`[["legacy","a","b"]]`), "secret", 404},
		{"POST", "/v1/loads/none/phases", `{"name":"operation"}`, "secret", 404},
		{"GET", "/other", "", "secret", 404},
	} {
		if raw, status := b.ask(each.method, each.path, each.body, each.token); status != each.want {
			t.Errorf("%s %s %s: %d %s", each.method, each.path, each.body, status, raw)
		}
	}
	rows := call[struct{ Services []Replica }](b, "GET", "/v1/identify?estate=legacy", "").Services
	if len(rows) != 1 || rows[0].Error == "" {
		t.Errorf("an estate without a certificate answers: %+v", rows)
	}
}

func loadOf(edges string) string {
	return `{"estates":["staging"],"intervalMs":20,"newConnectionIntervalMs":0,"timeoutMs":60000,"edges":` + edges + `}`
}

func TestALoadOfChosenEdges(t *testing.T) {
	b := start(t)
	id := call[map[string]string](b, "POST", "/v1/loads", loadOf(`[["staging","b","c"]]`))["id"]
	report := call[Report](b, "DELETE", "/v1/loads/"+id, "")
	if len(report.Edges) != 1 || report.Edges[0].Source != "b" || report.Edges[0].Target != "c" {
		t.Errorf("%+v", report.Edges)
	}
}

func TestPhasesOfALoad(t *testing.T) {
	b := start(t)
	id := call[map[string]string](b, "POST", "/v1/loads", loadOf(`[["staging","a","b"]]`))["id"]
	path := "/v1/loads/" + id
	for _, body := range []string{"", `{}`, `{"name":"Upper"}`, `{"name":"` + strings.Repeat("a", 41) + `"}`} {
		if raw, status := b.ask("POST", path+"/phases", body, "secret"); status != 400 {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
	for i := 1; i < maxPhases; i++ {
		call[map[string]string](b, "POST", path+"/phases", `{"name":"operation"}`)
	}
	if raw, status := b.ask("POST", path+"/phases", `{"name":"operation"}`, "secret"); status != 409 {
		t.Errorf("one too many: %d %s", status, raw)
	}
	report := call[Report](b, "DELETE", path, "")
	if len(report.Phases) != maxPhases || report.Phases[0].Name != firstPhase || report.Phases[1].Name != "operation" {
		t.Errorf("%+v", report.Phases)
	}
	if raw, status := b.ask("POST", path+"/phases", `{"name":"after"}`, "secret"); status != 409 {
		t.Errorf("a phase of a load that has ended: %d %s", status, raw)
	}
}

func TestConfigFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prober.json")
	for _, text := range []string{
		"", `{"estates":[{"name":"a"}]}`,
		`{"estates":[{"name":"a","namespace":"a","certs":"/c"},{"name":"a","namespace":"a","certs":"/c"}]}`,
		`{"estates":[{"name":"a","namespace":"a","certs":"/c","services":["x"],"edges":[["x","y"]]}]}`,
	} {
		put(t, path, text)
		if _, err := LoadConfig(path); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
}

func TestNamesInTheCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prober.json")
	put(t, path, `{"estates":[{"name":"staging","namespace":"staging","certs":"/c"},
		{"name":"legacy","namespace":"legacy","certs":"/l","port":9000}]}`)
	config, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	staging, old := &config.Estates[0], &config.Estates[1]
	for got, want := range map[string]string{
		staging.address("a"): "a.staging.svc:8443", staging.replicasHost("a"): "a-pods.staging.svc",
		old.address("a"): "a.legacy.svc:9000", old.replicasHost("a"): "a.legacy.svc",
		staging.id("a"): "spiffe://pov.dev/ns/staging/sa/a",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func free(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func put(t *testing.T, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
