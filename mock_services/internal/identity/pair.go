package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"pov.dev/mock/internal/stamp"
)

// Pair is a certificate and key for ordinary clients, who show none of their own; followed like a store.
type Pair struct {
	paths   [2]string
	log     *slog.Logger
	seen    []stamp.Stamp
	current atomic.Pointer[tls.Certificate]
}

// OpenPair reads `tls.crt` and `tls.key` of a folder if it can.
func OpenPair(dir string, log *slog.Logger) *Pair {
	p := &Pair{paths: [2]string{filepath.Join(dir, CertificateFile), filepath.Join(dir, KeyFile)}, log: log}
	p.seen = stamp.Of(p.paths[:]...)
	_ = p.reload()
	return p
}

// Watch follows the files until ctx ends.
func (p *Pair) Watch(ctx context.Context) { stamp.Watch(ctx, LookEvery, p.seen, p.paths[:], p.reload) }

// Ready tells whether there is a certificate.
func (p *Pair) Ready() bool { return p.current.Load() != nil }

func (p *Pair) reload() error {
	pair, err := tls.LoadX509KeyPair(p.paths[0], p.paths[1])
	if err != nil {
		p.log.Warn("server certificate not loaded", "error", err.Error())
		return err
	}
	p.current.Store(&pair)
	return nil
}

// ServerConfig shows the current certificate at each handshake.
func (p *Pair) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := p.current.Load(); pair != nil {
				return pair, nil
			}
			return nil, errors.New("no certificate yet")
		},
	}
}
