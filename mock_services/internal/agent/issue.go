package agent

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/vaultapi"
)

// VaultIssue logs in, asks for a certificate of the workload's own name and puts it in place.
func (o Options) VaultIssue(ctx context.Context, record Record) (*identity.Snapshot, error) {
	jwt, err := os.ReadFile(o.Token)
	if err != nil {
		return nil, err
	}
	vault, err := vaultapi.New(o.Vault, o.VaultCA)
	if err != nil {
		return nil, err
	}
	defer vault.Close()
	token, _, err := vault.Login(ctx, o.AuthMount, o.Role, strings.TrimSpace(string(jwt)))
	if err != nil {
		return nil, err
	}
	host := o.Name + "." + o.Namespace + ".svc"
	issued, err := vault.Issue(ctx, token, o.PKIMount, o.PKIRole, vaultapi.Request{
		CommonName: host,
		URISANs:    identity.ID(o.TrustDomain, o.Namespace, o.Name),
		AltNames:   strings.Join([]string{host, o.Name}, ","),
		TTL:        o.TTL.String(),
	})
	if err != nil {
		return nil, err
	}
	files, err := arrange(ctx, vault, o.RootMount, issued)
	if err != nil {
		return nil, err
	}
	snapshot, err := identity.Parse([]byte(files.Certificate), []byte(files.Key), []byte(files.Roots))
	if err != nil {
		return nil, fmt.Errorf("what Vault issued does not fit together: %w", err)
	}
	if err := usable(snapshot, wall()); err != nil {
		return nil, err
	}
	files.Record = record
	if err := Write(o.Out, files); err != nil {
		return nil, err
	}
	return snapshot, nil
}

// usable refuses what peers would refuse: whatever is in place stays there instead.
func usable(snapshot *identity.Snapshot, now time.Time) error {
	switch leaf := snapshot.Leaf(); {
	case now.Before(leaf.NotBefore):
		return errors.New("what Vault issued is not yet valid: the clocks here and there differ")
	case !now.Before(leaf.NotAfter):
		return errors.New("what Vault issued has run out already: its issuer is at its end, or the clocks differ")
	}
	if err := snapshot.Check(now); err != nil {
		return fmt.Errorf("what Vault issued is not good: %w", err)
	}
	return nil
}

// arrange sorts what came: the leaf with its intermediates is shown to peers, the roots are what peers are judged by.
func arrange(ctx context.Context, vault *vaultapi.Client, rootMount string, issued vaultapi.Issued) (Files, error) {
	leaf, err := vaultapi.Parse(issued.Certificate)
	if err != nil {
		return Files{}, err
	}
	chain, err := vaultapi.Parse(strings.Join(append([]string{issued.IssuingCA}, issued.Chain...), "\n"))
	if err != nil {
		return Files{}, err
	}
	var roots, shown []*x509.Certificate
	shown = append(shown, leaf[0])
	for _, certificate := range chain {
		if vaultapi.SelfSigned(certificate) {
			roots = add(roots, certificate)
		} else {
			shown = add(shown, certificate)
		}
	}
	if rootMount != "" {
		more, err := vault.Roots(ctx, rootMount)
		if err != nil && len(roots) == 0 {
			return Files{}, err
		}
		for _, certificate := range more {
			roots = add(roots, certificate)
		}
	}
	if len(roots) == 0 {
		return Files{}, errors.New("no root certificate to trust")
	}
	return Files{Certificate: text(shown), Key: strings.TrimSpace(issued.Key) + "\n", Roots: text(roots)}, nil
}

func add(list []*x509.Certificate, certificate *x509.Certificate) []*x509.Certificate {
	for _, known := range list {
		if known.Equal(certificate) {
			return list
		}
	}
	return append(list, certificate)
}

func text(list []*x509.Certificate) string {
	var out bytes.Buffer
	for _, certificate := range list {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	return out.String()
}
