// Package service is the mock microservice: it answers its callers over mutual TLS, and calls its callees when the
// prober asks it to.
package service

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"pov.dev/mock/internal/authz"
	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/credential"
	"pov.dev/mock/internal/health"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/stamp"
)

// Longer than clients keep idle connections, so that it is they who close.
const idleLimit = 2 * time.Minute

// For requests under way when the drain is over. With the longest drain it stays below a grace period of 10 s.
const finishLimit = 3 * time.Second

// Options are the flags of the service.
type Options struct {
	Name      string
	Namespace string
	Topology  string
	Certs     string
	Listen    string
	Health    string
	Release   string
	// Credential is the file with the service's own secret; empty for none.
	Credential string
	// Drain is how long no new connection must have come before a stopping service stops listening; 0 stops at once.
	Drain time.Duration
	// Reload follows changes of the certificate files. Without it a service reads them once, as plain services do.
	Reload bool
}

// Service is one replica.
type Service struct {
	options  Options
	log      *slog.Logger
	store    *identity.Store
	client   *client.Client
	topology atomic.Pointer[authz.Topology]
	release  release
	pod      string
	started  time.Time
	draining atomic.Bool
	// secret is the credential in use, nil before one is there.
	secret   atomic.Pointer[credential.Held]
	accepted atomic.Int64
}

// New reads the topology and the release; the certificate may come later.
func New(options Options, logger *slog.Logger) (*Service, error) {
	topology, err := authz.Load(options.Topology)
	if err != nil {
		return nil, err
	}
	if topology.Namespace != options.Namespace {
		return nil, errors.New("the topology is of namespace " + topology.Namespace)
	}
	text, err := os.ReadFile(options.Release)
	if err != nil {
		return nil, err
	}
	release, err := parseRelease(string(text))
	if err != nil {
		return nil, err
	}
	pod, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	store := identity.Open(options.Certs, logger)
	s := &Service{
		options: options, log: logger, store: store, client: client.New(store),
		release: release, pod: pod, started: time.Now().UTC(),
	}
	s.topology.Store(topology)
	if options.Credential != "" {
		_ = s.loadCredential() // it may come later, as the certificate may
	}
	return s, nil
}

// Run serves until ctx ends, then drains and returns. Requests under way are finished.
func (s *Service) Run(ctx context.Context) error {
	always, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	listener, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return err
	}
	if err := health.Serve(always, s.options.Health, s.ready, nil); err != nil {
		return err
	}
	if s.options.Reload {
		go s.store.Watch(always)
	} else if !s.ready() {
		return errors.New("no certificate or no credential, and reloading is off")
	}
	if s.options.Reload && s.options.Credential != "" {
		held := []string{s.options.Credential}
		// Read once more at the first look: it may have come between the reading and here.
		go stamp.Watch(always, time.Second/2, make([]stamp.Stamp, 1), held, s.loadCredential)
	}
	topology := []string{s.options.Topology}
	go stamp.Watch(always, 2*time.Second, stamp.Of(topology...), topology, s.reloadTopology)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 2 * maxTimeout, // never stricter than a client
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withTrust,
		ErrorLog:          log.New(io.Discard, "", 0), // one line for each refused handshake would be noise
	}
	counted := &countingListener{Listener: listener, last: &s.accepted}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(tls.NewListener(counted, s.store.ServerConfig())) }()
	s.log.Info("serving", "service", s.options.Name, "version", s.release.version, "listen", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.drain()
	limited, cancel := context.WithTimeout(always, finishLimit)
	defer cancel()
	err = server.Shutdown(limited)
	s.client.Close()
	s.log.Info("stopped", "service", s.options.Name)
	return err
}

// drain keeps serving until it is certain that nobody is sent here any more: the cluster needs time to take this
// replica out of its tables on each node. That has happened once no new connection has come for a while; twice that
// while is the limit. Kept connections are told to close with their next answer.
func (s *Service) drain() {
	s.draining.Store(true)
	begun := time.Now()
	s.log.Info("draining", "service", s.options.Name)
	for {
		quiet := time.Since(begun)
		if last := time.Since(time.Unix(0, s.accepted.Load())); last < quiet {
			quiet = last
		}
		if quiet >= s.options.Drain || time.Since(begun) >= 2*s.options.Drain {
			return
		}
		time.Sleep(min(50*time.Millisecond, s.options.Drain-quiet))
	}
}

func (s *Service) ready() bool {
	return !s.draining.Load() && s.store.Current() != nil && (s.options.Credential == "" || s.secret.Load() != nil)
}

// loadCredential takes up what the file holds. One that cannot be read leaves the one in use.
func (s *Service) loadCredential() error {
	held, err := credential.Read(s.options.Credential)
	if err != nil {
		return err
	}
	if before := s.secret.Swap(&held); before == nil || *before != held {
		s.log.Info("credential taken up", "fingerprint", held.Fingerprint())
	}
	return nil
}

func (s *Service) reloadTopology() error {
	topology, err := authz.Load(s.options.Topology)
	if err != nil {
		s.log.Warn("topology not loaded", "error", err.Error())
		return err
	}
	s.topology.Store(topology)
	return nil
}

type countingListener struct {
	net.Listener
	last *atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err == nil {
		l.last.Store(time.Now().UnixNano())
	}
	return connection, err
}
