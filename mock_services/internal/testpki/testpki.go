// Package testpki makes certificates for tests. Nothing that runs imports it.
package testpki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a root that signs directly.
type CA struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  string
}

// Wish is what a certificate shall be; zero times mean an hour around now.
type Wish struct {
	URIs   []string
	From   time.Time
	Until  time.Time
	Server bool
}

// New makes a root.
func New(t testing.TB, name string) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return &CA{t, cert, key, encode("CERTIFICATE", der)}
}

// Issue makes a certificate and key in PEM.
func (c *CA) Issue(wish Wish) (certificate, key string) {
	c.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(c.t, err)
	template := &x509.Certificate{
		SerialNumber: serial(c.t), NotBefore: wish.From, NotAfter: wish.Until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if wish.From.IsZero() {
		template.NotBefore = time.Now().Add(-time.Minute)
	}
	if wish.Until.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if wish.Server {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, text := range wish.URIs {
		uri, err := url.Parse(text)
		check(c.t, err)
		template.URIs = append(template.URIs, uri)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, private.Public(), c.key)
	check(c.t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	check(c.t, err)
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", raw)
}

// Write puts a new certificate for a SPIFFE id, its key and the roots into a folder.
func (c *CA) Write(dir, id string, roots ...*CA) {
	c.t.Helper()
	certificate, key := c.Issue(Wish{URIs: []string{id}, Server: true})
	Put(c.t, dir, certificate, key, roots...)
}

// Put writes the three files.
func Put(t testing.TB, dir, certificate, key string, roots ...*CA) {
	t.Helper()
	trusted := ""
	for _, root := range roots {
		trusted += root.PEM
	}
	for name, text := range map[string]string{"tls.crt": certificate, "tls.key": key, "ca.crt": trusted} {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path+".new", []byte(text), 0o600))
		check(t, os.Rename(path+".new", path))
	}
}

func serial(t testing.TB) *big.Int {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	check(t, err)
	return number
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
