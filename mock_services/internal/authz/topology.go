// Package authz decides by name who may call whom. The service graph is the policy.
package authz

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"

	"pov.dev/mock/internal/identity"
)

// DefaultPort is where a service listens behind its Kubernetes Service.
const DefaultPort = "8443"

// Call is one edge of the graph, seen from its source. ErrorRate is the share of requests that are answered with an error,
// StallRate of those that are not answered at all, until the caller gives up.
type Call struct {
	To           string  `json:"to"`
	Address      string  `json:"address"`
	LatencyMs    float64 `json:"latencyMs"`
	ErrorRate    float64 `json:"errorRate"`
	StallRate    float64 `json:"stallRate"`
	PayloadBytes int     `json:"payloadBytes"`
}

// Service is one node: who may call it, whom it calls, and where it is if not at its usual address.
type Service struct {
	Address string   `json:"address"`
	Callers []string `json:"callers"`
	Calls   []Call   `json:"calls"`
}

// Topology is the graph of one namespace.
type Topology struct {
	TrustDomain string             `json:"trustDomain"`
	Namespace   string             `json:"namespace"`
	Prober      string             `json:"prober"`
	Services    map[string]Service `json:"services"`
}

// Load reads and checks a topology file.
func Load(path string) (*Topology, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	topology := &Topology{}
	if err := json.Unmarshal(raw, topology); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if topology.TrustDomain == "" {
		topology.TrustDomain = identity.TrustDomain
	}
	if topology.Namespace == "" || topology.Prober == "" {
		return nil, fmt.Errorf("%s: namespace and prober are needed", path)
	}
	for name, service := range topology.Services {
		for _, call := range service.Calls {
			share := func(rate float64) bool { return rate >= 0 && rate <= 1 }
			if call.LatencyMs < 0 || !share(call.ErrorRate) || !share(call.StallRate) || call.PayloadBytes < 0 {
				return nil, fmt.Errorf("%s: edge %s to %s is out of range", path, name, call.To)
			}
		}
	}
	return topology, nil
}

// ID is the SPIFFE id of a service of this namespace.
func (t *Topology) ID(service string) string { return identity.ID(t.TrustDomain, t.Namespace, service) }

// IsProber tells whether a peer is the prober.
func (t *Topology) IsProber(peer string) bool { return peer == t.Prober }

// MayWork tells whether a peer may ask a service to work: its callers in the graph, and the prober.
func (t *Topology) MayWork(service, peer string) bool {
	return t.IsProber(peer) || t.caller(service, peer) != ""
}

func (t *Topology) caller(service, peer string) string {
	for _, name := range t.Services[service].Callers {
		if t.ID(name) == peer {
			return name
		}
	}
	return ""
}

// Edge is how a call from `peer` to `service` behaves; the prober's own calls are plain.
func (t *Topology) Edge(service, peer string) Call {
	if call, ok := t.Call(t.caller(service, peer), service); ok {
		return call
	}
	return Call{To: service}
}

// Call is the edge from one service to another, if there is one.
func (t *Topology) Call(source, target string) (Call, bool) {
	calls := t.Services[source].Calls
	index := slices.IndexFunc(calls, func(call Call) bool { return call.To == target })
	if index < 0 {
		return Call{}, false
	}
	call := calls[index]
	if call.Address == "" {
		call.Address = t.AddressOf(target)
	}
	return call, true
}

// AddressOf is where a service answers: as written in the file, else its Kubernetes Service.
func (t *Topology) AddressOf(service string) string {
	if address := t.Services[service].Address; address != "" {
		return address
	}
	for _, other := range t.Services {
		for _, call := range other.Calls {
			if call.To == service && call.Address != "" {
				return call.Address
			}
		}
	}
	return net.JoinHostPort(service+"."+t.Namespace+".svc", DefaultPort)
}
