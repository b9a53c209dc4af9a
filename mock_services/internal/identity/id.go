// Package identity holds who a process is (its certificate), whom it trusts (the roots), and how both are renewed
// while connections stay open.
package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// TrustDomain is the part of a SPIFFE id that names the organisation.
const TrustDomain = "pov.dev"

// ID is the SPIFFE id of a workload: its namespace and service account.
func ID(trustDomain, namespace, name string) string {
	return fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", trustDomain, namespace, name)
}

// Peer is the SPIFFE id in a certificate. A workload certificate carries exactly one URI name: with two, which one
// counts would be the reader's choice.
func Peer(certificate *x509.Certificate) (string, error) {
	if len(certificate.URIs) != 1 {
		return "", fmt.Errorf("certificate has %d URI names, want 1", len(certificate.URIs))
	}
	uri := certificate.URIs[0]
	if uri.Scheme != "spiffe" || uri.Host == "" || uri.User != nil || uri.RawQuery != "" || uri.Fragment != "" {
		return "", errors.New("certificate's URI name is no SPIFFE id")
	}
	return uri.String(), nil
}

// Serial writes a serial number as Vault does: pairs of lower-case hexadecimal digits with colons.
func Serial(number *big.Int) string {
	raw := number.Bytes()
	if len(raw) == 0 {
		raw = []byte{0}
	}
	pairs := make([]string, len(raw))
	for i, b := range raw {
		pairs[i] = fmt.Sprintf("%02x", b)
	}
	return strings.Join(pairs, ":")
}
