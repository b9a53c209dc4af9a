package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pov.dev/mock/internal/credential"
	"pov.dev/mock/internal/vaultapi"
)

// A token is used for this share of its lease: a login has the cluster's API asked, a look at a credential has not.
const leaseShare = 0.6

// Credential keeps the workload's own credential in a file: it looks into Vault's KV store every now and then, since
// nobody tells of a change there.
type Credential struct {
	options Options
	log     *slog.Logger
	path    string
	token   string
	until   time.Time

	mu      sync.Mutex
	version int
	fault   string
}

// NewCredential is for the folder that the options name; nothing is asked yet.
func NewCredential(options Options, log *slog.Logger) *Credential {
	return &Credential{options: options, log: log, path: filepath.Join(options.Out, credential.File)}
}

// Keep looks until ctx ends. Looks are spread, so that agents which started together do not ask together for good.
func (c *Credential) Keep(ctx context.Context) {
	for {
		err := c.Look(ctx, wall())
		pause := time.Duration((0.9 + 0.2*rand.Float64()) * float64(c.options.CredentialEvery))
		if err != nil && !c.Ready() {
			pause = min(pause, pauseWithout) // the service waits for it
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Look asks once, and puts a credential of another version in place.
func (c *Credential) Look(ctx context.Context, now time.Time) error {
	found, err := c.ask(ctx, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && (found.Version != c.version || !c.Ready()) {
		if err = credential.Write(c.path, found.Value); err == nil {
			c.version = found.Version
			c.log.Info("credential in place", "version", found.Version)
		}
	}
	switch {
	case err == nil:
		c.fault = ""
	case errors.Is(err, context.Canceled):
	case err.Error() != c.fault:
		c.fault = err.Error()
		c.log.Warn("credential not read", "error", c.fault)
	}
	return err
}

func (c *Credential) ask(ctx context.Context, now time.Time) (vaultapi.Secret, error) {
	vault, err := vaultapi.New(c.options.Vault, c.options.VaultCA)
	if err != nil {
		return vaultapi.Secret{}, err
	}
	defer vault.Close()
	if c.token == "" || !now.Before(c.until) {
		jwt, err := os.ReadFile(c.options.Token)
		if err != nil {
			return vaultapi.Secret{}, err
		}
		token, lease, err := vault.Login(ctx, c.options.AuthMount, c.options.Role, strings.TrimSpace(string(jwt)))
		if err != nil {
			return vaultapi.Secret{}, err
		}
		c.token, c.until = token, now.Add(time.Duration(leaseShare*float64(lease)))
	}
	found, err := vault.Secret(ctx, c.token, c.options.CredentialMount, c.options.Namespace+"/"+c.options.Name)
	if err != nil {
		c.token = "" // it may be the token's fault
	}
	return found, err
}

// Ready tells whether a credential is in place, also one that a former run put there.
func (c *Credential) Ready() bool {
	_, err := os.Stat(c.path)
	return err == nil
}

// Told is the version in place that this run read, 0 before, and what went wrong at the last look.
func (c *Credential) Told() (version int, fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version, c.fault
}
