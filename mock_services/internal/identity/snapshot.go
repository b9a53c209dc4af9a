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
	return parse(content[0], content[1], content[2])
}

func paths(dir string) []string {
	return []string{
		filepath.Join(dir, CertificateFile), filepath.Join(dir, KeyFile), filepath.Join(dir, RootsFile),
	}
}

func parse(certificate, key, roots []byte) (*Snapshot, error) {
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
	chain := []*x509.Certificate{s.Leaf()}
	for _, raw := range s.Certificate.Certificate[1:] {
		certificate, err := x509.ParseCertificate(raw)
		if err != nil {
			return err
		}
		chain = append(chain, certificate)
	}
	return s.verify(chain, now, x509.ExtKeyUsageAny)
}

// Verify judges a peer's chain by these roots at a moment, for the use as a client or a server.
func (s *Snapshot) verify(chain []*x509.Certificate, now time.Time, use x509.ExtKeyUsage) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: s.Roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	return err
}

// TrustsClient tells whether a client's chain is still good at a moment: roots may have gone, time may have passed.
func (s *Snapshot) TrustsClient(chain []*x509.Certificate, now time.Time) bool {
	return s.verify(chain, now, x509.ExtKeyUsageClientAuth) == nil
}
