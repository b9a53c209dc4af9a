package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pov.dev/mock/internal/health"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/kubewatch"
)

// Options are the flags of the agent.
type Options struct {
	Vault       string
	VaultCA     string
	AuthMount   string
	PKIMount    string
	PKIRole     string
	RootMount   string
	Role        string
	Token       string
	Name        string
	Namespace   string
	TrustDomain string
	TTL         time.Duration
	Out         string
	Status      string

	// PolicyConfigMap names what is watched for the order to rotate; empty watches nothing.
	PolicyConfigMap string
	Kube            string
	KubeAccount     string

	// CredentialMount is the KV store (version 2) with the workload's own credential at NAMESPACE/NAME; empty for none.
	CredentialMount string
	CredentialEvery time.Duration
}

// page is what /status tells: of the certificate, and of the credential where there is one.
type page struct {
	Status
	CredentialVersion int    `json:"credentialVersion"`
	CredentialError   string `json:"credentialError"`
}

// Run keeps the certificate fresh, and the credential where there is one, until ctx ends.
func Run(ctx context.Context, options Options, log *slog.Logger) error {
	if err := os.MkdirAll(options.Out, 0o750); err != nil {
		return err
	}
	held, _ := identity.Load(options.Out)
	record, _ := ReadRecord(options.Out)
	keeper := NewKeeper(options.VaultIssue, options.TTL, log, held, record, wall())
	keeper.Remember = func(record Record) {
		if err := WriteRecord(options.Out, record); err != nil {
			log.Warn("record not kept", "error", err.Error())
		}
	}
	own := NewCredential(options, log)
	ready := func() bool { return keeper.Ready(wall()) && (options.CredentialMount == "" || own.Ready()) }
	status := func() any {
		version, fault := own.Told()
		return page{keeper.Status(), version, fault}
	}
	if err := health.Serve(ctx, options.Status, ready, status); err != nil {
		return err
	}
	if options.CredentialMount != "" {
		go own.Keep(ctx)
	}
	woken := make(chan struct{}, 1)
	if options.PolicyConfigMap != "" && options.Kube != "" {
		watcher := kubewatch.Watcher{
			Server: options.Kube, Account: options.KubeAccount, Namespace: options.Namespace,
			Name: options.PolicyConfigMap, Log: log, Pause: time.Second,
		}
		go watcher.Run(ctx, func(data map[string]string) {
			spread, _ := strconv.ParseFloat(data["spreadSeconds"], 64)
			keeper.Policy(data["generation"], time.Duration(max(spread, 0)*float64(time.Second)), wall())
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		keeper.Tick(ctx, wall())
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-woken:
		}
	}
}

// wall is the time of day without Go's monotonic reading, which stands still while a machine sleeps.
func wall() time.Time { return time.Now().Round(0) }

// Check tells whether a folder holds a certificate that is good now.
func Check(dir string) error {
	snapshot, err := identity.Load(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return snapshot.Check(wall())
}
