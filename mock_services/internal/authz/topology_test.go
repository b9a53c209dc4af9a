package authz

import (
	"os"
	"path/filepath"
	"testing"
)

const graph = `{"namespace":"staging","prober":"spiffe://pov.dev/ns/pov-system/sa/prober","services":{
 "a":{"callers":[],"calls":[{"to":"b","address":"b.staging.svc:8443","latencyMs":2.5,"errorRate":0.1,"payloadBytes":7}]},
 "b":{"callers":["a"],"calls":[{"to":"c"}]},
 "c":{"callers":["b"],"calls":[]}}}`

func load(t *testing.T, text string) (*Topology, error) {
	path := filepath.Join(t.TempDir(), "topology.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestWhoMayWork(t *testing.T) {
	topology, err := load(t, graph)
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		service, peer string
		want          bool
	}{
		{"b", "spiffe://pov.dev/ns/staging/sa/a", true},
		{"b", "spiffe://pov.dev/ns/pov-system/sa/prober", true},
		{"b", "spiffe://pov.dev/ns/staging/sa/c", false},
		{"b", "spiffe://pov.dev/ns/prod/sa/a", false},
		{"b", "spiffe://other.dev/ns/staging/sa/a", false},
		{"b", "spiffe://pov.dev/ns/staging/sa/prober", false},
		{"a", "spiffe://pov.dev/ns/staging/sa/a", false},
		{"unknown", "spiffe://pov.dev/ns/staging/sa/a", false},
		{"b", "", false},
	} {
		if got := topology.MayWork(each.service, each.peer); got != each.want {
			t.Errorf("%s by %s: %v", each.service, each.peer, got)
		}
	}
}

func TestEdgesAndAddresses(t *testing.T) {
	topology, err := load(t, graph)
	if err != nil {
		t.Fatal(err)
	}
	if edge := topology.Edge("b", topology.ID("a")); edge.PayloadBytes != 7 || edge.LatencyMs != 2.5 {
		t.Errorf("%+v", edge)
	}
	if edge := topology.Edge("b", topology.Prober); edge.PayloadBytes != 0 || edge.LatencyMs != 0 {
		t.Errorf("the prober's own call is no edge: %+v", edge)
	}
	if call, ok := topology.Call("b", "c"); !ok || call.Address != "c.staging.svc:8443" {
		t.Errorf("%+v", call)
	}
	if _, ok := topology.Call("a", "c"); ok {
		t.Error("a does not call c")
	}
	if address := topology.AddressOf("b"); address != "b.staging.svc:8443" {
		t.Error(address)
	}
}

func TestFaultyFiles(t *testing.T) {
	for _, text := range []string{
		"", "{}", `{"namespace":"staging"}`,
		`{"namespace":"n","prober":"p","services":{"a":{"calls":[{"to":"b","errorRate":2}]}}}`,
		`{"namespace":"n","prober":"p","services":{"a":{"calls":[{"to":"b","stallRate":-0.1}]}}}`,
		`{"namespace":"n","prober":"p","services":{"a":{"calls":[{"to":"b","latencyMs":-1}]}}}`,
	} {
		if _, err := load(t, text); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file was taken")
	}
}
