// Package vaultapi speaks the five calls of Vault's HTTP API that the agent needs.
package vaultapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	timeout   = 15 * time.Second
	maxAnswer = 1 << 20
)

// Client is for one renewal: it reads the CA file anew each time and keeps no connection afterwards.
type Client struct {
	base string
	http *http.Client
}

// New makes a client that trusts the authorities in a file and nothing else; proxy variables are ignored.
func New(address, caFile string) (*Client, error) {
	raw, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s: no certificate in it", caFile)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
		MaxIdleConns:    1,
	}
	return &Client{
		base: strings.TrimRight(address, "/") + "/v1/",
		http: &http.Client{
			Transport: transport, Timeout: timeout,
			// A redirect would carry the token to an address that nobody chose.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close drops the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Login exchanges a Kubernetes service account's token for a Vault token, and tells how long that is good for.
func (c *Client) Login(ctx context.Context, mount, role, jwt string) (string, time.Duration, error) {
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
			Lease int    `json:"lease_duration"`
		} `json:"auth"`
	}
	body := map[string]string{"role": role, "jwt": jwt}
	if err := c.do(ctx, http.MethodPost, "auth/"+mount+"/login", "", body, &answer); err != nil {
		return "", 0, fmt.Errorf("login: %w", err)
	}
	if answer.Auth.Token == "" {
		return "", 0, errors.New("login: no token in the answer")
	}
	return answer.Auth.Token, time.Duration(answer.Auth.Lease) * time.Second, nil
}

// Secret is what a KV store of version 2 holds at a path: the entry `value`, and which version that is.
type Secret struct {
	Value   string
	Version int
}

// Secret reads one. A path without a value is an error.
func (c *Client) Secret(ctx context.Context, token, mount, path string) (Secret, error) {
	var answer struct {
		Data struct {
			Data struct {
				Value string `json:"value"`
			} `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if err := c.do(ctx, http.MethodGet, mount+"/data/"+path, token, nil, &answer); err != nil {
		return Secret{}, fmt.Errorf("credential: %w", err)
	}
	if answer.Data.Data.Value == "" {
		return Secret{}, errors.New("credential: no value in the answer")
	}
	return Secret{answer.Data.Data.Value, answer.Data.Metadata.Version}, nil
}

// Request names the certificate that is wanted.
type Request struct {
	CommonName string `json:"common_name"`
	URISANs    string `json:"uri_sans"`
	AltNames   string `json:"alt_names"`
	TTL        string `json:"ttl"`
}

// Issued is a new certificate as Vault sends it, in PEM.
type Issued struct {
	Certificate string   `json:"certificate"`
	IssuingCA   string   `json:"issuing_ca"`
	Chain       []string `json:"ca_chain"`
	Key         string   `json:"private_key"`
}

// Issue asks for a key and a certificate of a role.
func (c *Client) Issue(ctx context.Context, token, mount, role string, request Request) (Issued, error) {
	var answer struct {
		Data Issued `json:"data"`
	}
	err := c.do(ctx, http.MethodPost, mount+"/issue/"+url.PathEscape(role), token, request, &answer)
	if err != nil {
		return Issued{}, fmt.Errorf("issue: %w", err)
	}
	return answer.Data, nil
}

// Roots are the self-signed issuers of a PKI mount; anybody may read them. With two of them, both are to be trusted:
// that is how a root is replaced.
func (c *Client) Roots(ctx context.Context, mount string) ([]*x509.Certificate, error) {
	var list struct {
		Data struct {
			Keys []string `json:"keys"`
		} `json:"data"`
	}
	if err := c.do(ctx, "LIST", mount+"/issuers", "", nil, &list); err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	var roots []*x509.Certificate
	for _, issuer := range list.Data.Keys {
		var answer struct {
			Data struct {
				Certificate string `json:"certificate"`
			} `json:"data"`
		}
		if err := c.do(ctx, http.MethodGet, mount+"/issuer/"+url.PathEscape(issuer)+"/json", "", nil, &answer); err != nil {
			return nil, fmt.Errorf("roots: %w", err)
		}
		found, err := Parse(answer.Data.Certificate)
		if err != nil {
			return nil, fmt.Errorf("roots: %w", err)
		}
		for _, certificate := range found {
			if SelfSigned(certificate) {
				roots = append(roots, certificate)
			}
		}
	}
	return roots, nil
}

func (c *Client) do(ctx context.Context, method, path, token string, body, into any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Request", "true")
	if token != "" {
		request.Header.Set("X-Vault-Token", token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var answer struct {
			Errors []string `json:"errors"`
		}
		_ = json.Unmarshal(raw, &answer)
		return fmt.Errorf("status %d: %s", response.StatusCode, strings.TrimSpace(strings.Join(answer.Errors, "; ")))
	}
	return json.Unmarshal(raw, into)
}

// Parse reads all certificates of a PEM text; a text without one is an error.
func Parse(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("no certificate in the answer")
	}
	return found, nil
}

// SelfSigned tells whether a certificate is a root.
func SelfSigned(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawIssuer, certificate.RawSubject) && certificate.CheckSignatureFrom(certificate) == nil
}
