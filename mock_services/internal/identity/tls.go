package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// A classical exchange alone: a post-quantum share would triple the cost of a handshake, of which there are many here.
var curves = []tls.CurveID{tls.X25519, tls.CurveP256}

func (s *Snapshot) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: curves,
		Certificates:     []tls.Certificate{s.Certificate},
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        s.Roots,
		// A resumed handshake would show no certificate: a new connection has to be a whole handshake.
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := Peer(state.PeerCertificates[0])
			return err
		},
	}
}

// ServerConfig asks for the current snapshot at each handshake: a renewal holds for the next connection and leaves
// open ones alone.
func (s *Store) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			snapshot := s.Current()
			if snapshot == nil {
				return nil, errors.New("no certificate yet")
			}
			return snapshot.server, nil
		},
	}
}

// ClientConfig is for one connection to the peer of that SPIFFE id. The chain is verified by this snapshot's roots
// and the URI name has to be the peer's: Go's own check looks at DNS names, which prove less here, so it is replaced.
func (s *Snapshot) ClientConfig(peer string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		CurvePreferences:   curves,
		InsecureSkipVerify: true, // replaced by VerifyConnection, which runs for every handshake
		VerifyConnection: func(state tls.ConnectionState) error {
			if err := s.trusts(state.PeerCertificates, time.Now(), x509.ExtKeyUsageServerAuth); err != nil {
				return err
			}
			name, err := Peer(state.PeerCertificates[0])
			if err != nil {
				return err
			}
			if name != peer {
				return fmt.Errorf("peer is %s, want %s", name, peer)
			}
			return nil
		},
		// Always shown, even to a server that names other authorities: it shall say itself what it refuses.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &s.Certificate, nil
		},
	}
}
