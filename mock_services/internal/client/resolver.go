package client

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A cluster address lives as long as its Service; CoreDNS hands it out for 30 s.
const keepNames = 30 * time.Second

// Resolver remembers addresses: each new connection would otherwise cost six questions to the cluster's DNS.
type Resolver struct {
	mu    sync.Mutex
	known map[string]known
}

type known struct {
	addresses []netip.Addr
	until     time.Time
}

// Lookup asks the DNS anew, IPv4 first.
func Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err == nil && len(found) > 0 {
		return found, nil
	}
	if six, err := net.DefaultResolver.LookupNetIP(ctx, "ip6", host); err == nil && len(six) > 0 {
		return six, nil
	}
	return nil, err
}

func (r *Resolver) address(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	entry, ok := r.known[host]
	r.mu.Unlock()
	if !ok || time.Now().After(entry.until) {
		found, err := Lookup(ctx, host)
		if err != nil {
			return "", err
		}
		entry = known{found, time.Now().Add(keepNames)}
		r.mu.Lock()
		if r.known == nil {
			r.known = map[string]known{}
		}
		r.known[host] = entry
		r.mu.Unlock()
	}
	chosen := entry.addresses[rand.IntN(len(entry.addresses))]
	return net.JoinHostPort(chosen.Unmap().String(), port), nil
}

func (r *Resolver) forget(address string) {
	if host, _, err := net.SplitHostPort(address); err == nil {
		r.mu.Lock()
		delete(r.known, host)
		r.mu.Unlock()
	}
}
