package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names of the files in a certificates folder.
const (
	CertificateFile = "tls.crt"
	KeyFile         = "tls.key"
	RootsFile       = "ca.crt"
)

// Snapshot is one consistent set of certificate, key and roots. It never changes; a renewal makes another one.
type Snapshot struct {
	Certificate tls.Certificate
	Serial      string
	Roots       *x509.CertPool
	// Trust tells sets of roots apart: connections made under another set are judged again.
	Trust [sha256.Size]byte

	server *tls.Config
	judged judged
}

// Load reads a folder. The key must belong to the certificate and at least one root must be there.
func Load(dir string) (*Snapshot, error) {
	var content [3][]byte
	for i, path := range paths(dir) {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		content[i] = raw
	}
	return Parse(content[0], content[1], content[2])
}

func paths(dir string) []string {
	return []string{
		filepath.Join(dir, CertificateFile), filepath.Join(dir, KeyFile), filepath.Join(dir, RootsFile),
	}
}

// Parse makes a snapshot of the texts of the three files.
func Parse(certificate, key, roots []byte) (*Snapshot, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	authorities, err := parseAll(roots)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", RootsFile, err)
	}
	for _, authority := range authorities {
		pool.AddCert(authority)
	}
	snapshot := &Snapshot{
		Certificate: pair,
		Serial:      Serial(pair.Leaf.SerialNumber),
		Roots:       pool,
		Trust:       sha256.Sum256(bytes.TrimSpace(roots)),
	}
	snapshot.server = snapshot.serverConfig()
	return snapshot, nil
}

func parseAll(text []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return found, nil
}

// Leaf is the own certificate.
func (s *Snapshot) Leaf() *x509.Certificate { return s.Certificate.Leaf }

// Check says what is wrong with the own certificate at a moment: out of its time, or not signed by the own roots.
func (s *Snapshot) Check(now time.Time) error {
	_, err := s.Until(now)
	return err
}

// Until is the end of the own certificate, or of the authorities that vouch for it at a moment if one of them ends
// sooner: a leaf is of no use without its issuer.
func (s *Snapshot) Until(now time.Time) (time.Time, error) {
	var until time.Time
	chains, err := s.chains(now)
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, certificate := range chain {
			if certificate.NotAfter.Before(end) {
				end = certificate.NotAfter
			}
		}
		if end.After(until) {
			until = end
		}
	}
	return until, err
}

// chains are the ways from the own certificate to one of the own roots.
func (s *Snapshot) chains(now time.Time) ([][]*x509.Certificate, error) {
	chain := []*x509.Certificate{s.Leaf()}
	for _, raw := range s.Certificate.Certificate[1:] {
		certificate, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	return s.verify(chain, now, x509.ExtKeyUsageAny)
}

// verify judges a chain by these roots at a moment, for the use as a client or a server.
func (s *Snapshot) verify(
	chain []*x509.Certificate, now time.Time, use x509.ExtKeyUsage,
) ([][]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	return chain[0].Verify(x509.VerifyOptions{
		Roots: s.Roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
}

// TrustsClient tells whether a client's chain is still good at a moment: roots may have gone, time may have passed.
func (s *Snapshot) TrustsClient(chain []*x509.Certificate, now time.Time) bool {
	return s.trusts(chain, now, x509.ExtKeyUsageClientAuth) == nil
}
