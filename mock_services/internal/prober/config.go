// Package prober drives every edge of the service graph from outside of the services, and tells what it saw.
package prober

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"pov.dev/mock/internal/authz"
	"pov.dev/mock/internal/identity"
)

// Kinds of estates: where a GitOps service has a name for each of its replicas, a legacy one has a single host.
const (
	gitops = "gitops"
	legacy = "legacy"
)

// Config is prober.json.
type Config struct {
	TrustDomain string         `json:"trustDomain"`
	Estates     []EstateConfig `json:"estates"`
}

// EstateConfig is one set of services that is probed. Addresses (host and port of each replica, by service) stand in
// for the names of the cluster's DNS where there is none.
type EstateConfig struct {
	Name      string              `json:"name"`
	Kind      string              `json:"kind"`
	Namespace string              `json:"namespace"`
	Certs     string              `json:"certs"`
	Services  []string            `json:"services"`
	Edges     [][2]string         `json:"edges"`
	Replicas  int                 `json:"replicas"`
	Port      int                 `json:"port"`
	Addresses map[string][]string `json:"addresses"`

	trustDomain string
}

// LoadConfig reads and checks the file.
func LoadConfig(path string) (*Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &Config{}
	if err := json.Unmarshal(raw, config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if config.TrustDomain == "" {
		config.TrustDomain = identity.TrustDomain
	}
	seen := map[string]bool{}
	for i := range config.Estates {
		estate := &config.Estates[i]
		if estate.Name == "" || estate.Namespace == "" || estate.Certs == "" || seen[estate.Name] {
			return nil, fmt.Errorf("%s: estate %d needs a name of its own, a namespace and certs", path, i)
		}
		seen[estate.Name] = true
		if err := estate.complete(config.TrustDomain); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return config, nil
}

func (e *EstateConfig) complete(trustDomain string) error {
	e.trustDomain = trustDomain
	e.Replicas = max(e.Replicas, 1)
	if e.Port == 0 {
		e.Port, _ = strconv.Atoi(authz.DefaultPort)
	}
	if e.Kind == "" && e.Name == legacy {
		e.Kind = legacy
	} else if e.Kind == "" {
		e.Kind = gitops
	}
	for _, edge := range e.Edges {
		for _, service := range edge {
			if !slices.Contains(e.Services, service) {
				return fmt.Errorf("estate %s: edge %s to %s has an unknown service", e.Name, edge[0], edge[1])
			}
		}
	}
	return nil
}

func (e *EstateConfig) id(service string) string {
	return identity.ID(e.trustDomain, e.Namespace, service)
}

// address is where any replica of a service answers.
func (e *EstateConfig) address(service string) string {
	if known := e.Addresses[service]; len(known) > 0 {
		return known[0]
	}
	return net.JoinHostPort(service+"."+e.Namespace+".svc", strconv.Itoa(e.Port))
}

// replicasHost is the DNS name behind which each replica's address is found.
func (e *EstateConfig) replicasHost(service string) string {
	if e.Kind == legacy {
		return service + "." + e.Namespace + ".svc"
	}
	return service + "-pods." + e.Namespace + ".svc"
}

// strangers are the ordered pairs of services between which there is no edge.
func (e *EstateConfig) strangers() [][2]string {
	var pairs [][2]string
	for _, source := range e.Services {
		for _, target := range e.Services {
			pair := [2]string{source, target}
			if source != target && !slices.Contains(e.Edges, pair) {
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}
