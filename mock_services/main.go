// Command pov-mock is the mock microservice, its certificate agent and the prober, in one static binary.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"pov.dev/mock/internal/agent"
	"pov.dev/mock/internal/authz"
	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/credential"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/kubewatch"
	"pov.dev/mock/internal/prober"
	"pov.dev/mock/internal/service"
)

const version = "1.0.0"

var commands = map[string]func(ctx context.Context, arguments []string, log *slog.Logger) error{
	"service":     runService,
	"agent":       runAgent,
	"check":       runCheck,
	"prober":      runProber,
	"fingerprint": runFingerprint,
	"present":     runPresent,
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	if os.Args[1] == "version" {
		fmt.Println(version)
		return
	}
	command, ok := commands[os.Args[1]]
	if !ok {
		usage()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command(ctx, os.Args[2:], log); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Error("ended", "command", os.Args[1], "error", err.Error())
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: pov-mock service|agent|check|fingerprint|present|prober|version [flags]; -h after a command lists its flags")
	os.Exit(2)
}

// small fits the runtime to one of many processes on few cores: a small heap, and one thread for Go's code. A second one
// is of no use for what a process has to do here, and looking for work that is not there takes time on each request.
func small() { fit(50, 24<<20) }

// alone fits it to a process of which there is one: it collects garbage seldom, which takes time from its schedule.
func alone() { fit(400, 64<<20) }

func fit(garbage int, limit int64) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}

func parse(set *flag.FlagSet, arguments []string, needed ...*string) error {
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	for _, value := range needed {
		if *value == "" {
			return fmt.Errorf("a flag is missing; see pov-mock %s -h", set.Name())
		}
	}
	return nil
}

func runService(ctx context.Context, arguments []string, log *slog.Logger) error {
	small()
	var o service.Options
	set := flag.NewFlagSet("service", flag.ContinueOnError)
	set.StringVar(&o.Name, "name", "", "the service's name")
	set.StringVar(&o.Namespace, "namespace", "", "its namespace")
	set.StringVar(&o.Topology, "topology", "/etc/pov/topology.json", "the service graph")
	set.StringVar(&o.Certs, "certs", "/certs", "folder with tls.crt, tls.key, ca.crt")
	set.StringVar(&o.Listen, "listen", ":8443", "address for mutual TLS")
	set.StringVar(&o.Health, "health", ":8081", "address for /healthz and /ready; empty for none")
	set.StringVar(&o.Credential, "credential", "", "file with the service's own secret; empty for none")
	set.StringVar(&o.Release, "release", "/release", "file with the version")
	set.DurationVar(&o.Drain, "drain", 3*time.Second, "after SIGTERM, serve until no new connection came for so long")
	set.BoolVar(&o.Reload, "reload", true, "follow changes of the certificate files; false reads them once, at the start")
	if err := parse(set, arguments, &o.Name, &o.Namespace); err != nil {
		return err
	}
	s, err := service.New(o, log)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func runAgent(ctx context.Context, arguments []string, log *slog.Logger) error {
	small()
	var o agent.Options
	set := flag.NewFlagSet("agent", flag.ContinueOnError)
	set.StringVar(&o.Vault, "vault", "", "Vault's address")
	set.StringVar(&o.VaultCA, "vault-ca", "", "file with the CA of Vault's own certificate")
	set.StringVar(&o.AuthMount, "auth-mount", "kubernetes", "where the Kubernetes auth method is mounted")
	set.StringVar(&o.PKIMount, "pki-mount", "pki_int", "where the issuing PKI is mounted")
	set.StringVar(&o.PKIRole, "pki-role", "service", "role of the issuing PKI")
	set.StringVar(&o.RootMount, "root-mount", "pki", "PKI mount whose roots are trusted; empty trusts the chain's own root alone")
	set.StringVar(&o.Role, "role", "", "role of the auth method")
	set.StringVar(&o.Token, "token", "/var/run/secrets/vault/token", "file with the service account's token for Vault")
	set.StringVar(&o.Name, "name", "", "the workload's service account")
	set.StringVar(&o.Namespace, "namespace", "", "its namespace")
	set.StringVar(&o.TrustDomain, "trust-domain", identity.TrustDomain, "first part of the SPIFFE id")
	set.DurationVar(&o.TTL, "ttl", 24*time.Hour, "life of a certificate")
	set.StringVar(&o.Out, "out", "/certs", "folder to write to")
	set.StringVar(&o.Status, "status", ":8082", "address for /healthz, /ready and /status; empty for none")
	set.StringVar(&o.PolicyConfigMap, "policy-configmap", "", "ConfigMap whose new generation makes a renewal due; empty for none")
	set.StringVar(&o.CredentialMount, "credential-mount", "", "KV store (version 2) with the workload's credential at NAMESPACE/NAME; empty for none")
	set.DurationVar(&o.CredentialEvery, "credential-every", 10*time.Second, "how often it is looked at")
	set.StringVar(&o.Kube, "kube", kubewatch.InCluster(), "the Kubernetes API's address")
	set.StringVar(&o.KubeAccount, "kube-account", kubewatch.ServiceAccount, "folder with token and ca.crt for it")
	if err := parse(set, arguments, &o.Vault, &o.VaultCA, &o.Role, &o.Name, &o.Namespace); err != nil {
		return err
	}
	return agent.Run(ctx, o, log)
}

func runCheck(_ context.Context, arguments []string, _ *slog.Logger) error {
	set := flag.NewFlagSet("check", flag.ContinueOnError)
	certs := set.String("certs", "/certs", "folder with tls.crt, tls.key, ca.crt")
	if err := parse(set, arguments); err != nil {
		return err
	}
	return agent.Check(*certs)
}

// runFingerprint prints the fingerprint of a credential's file: the one way to look at it that never shows it.
func runFingerprint(_ context.Context, arguments []string, _ *slog.Logger) error {
	set := flag.NewFlagSet("fingerprint", flag.ContinueOnError)
	file := set.String("file", "/certs/"+credential.File, "the credential's file")
	if err := parse(set, arguments); err != nil {
		return err
	}
	found, err := credential.Read(*file)
	if err == nil {
		fmt.Println(found.Fingerprint())
	}
	return err
}

// runPresent presents each line of its standard input to a service as a credential, as the workload whose certificate it
// is given, and prints a line for each: the status of the answer. What it was given it prints nowhere.
func runPresent(ctx context.Context, arguments []string, log *slog.Logger) error {
	small()
	set := flag.NewFlagSet("present", flag.ContinueOnError)
	certs := set.String("certs", "/certs", "folder with tls.crt, tls.key, ca.crt of whoever asks")
	port := set.String("port", authz.DefaultPort, "where the service beside it answers")
	peer := set.String("peer", "", "the service's SPIFFE id")
	timeout := set.Duration("timeout", 2*time.Second, "how long an answer may take")
	if err := parse(set, arguments, peer); err != nil {
		return err
	}
	who := client.New(identity.Open(*certs, log))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		asked, cancel := context.WithTimeout(ctx, *timeout)
		answer, err := who.Present(asked, "127.0.0.1:"+*port, *peer, service.Guarded, lines.Text())
		cancel()
		if err != nil {
			return err
		}
		fmt.Println(answer.Status)
	}
	return lines.Err()
}

func runProber(ctx context.Context, arguments []string, log *slog.Logger) error {
	alone()
	var o prober.Options
	set := flag.NewFlagSet("prober", flag.ContinueOnError)
	set.StringVar(&o.Config, "config", "/etc/pov/prober.json", "the estates")
	set.StringVar(&o.Listen, "listen", ":9443", "address of the API")
	set.StringVar(&o.TLS, "tls", "/tls", "folder with the API's tls.crt and tls.key")
	set.StringVar(&o.TokenFile, "token-file", "/auth/token", "file with the token that the API asks for")
	set.StringVar(&o.Health, "health", ":8081", "address for /healthz and /ready; empty for none")
	if err := parse(set, arguments); err != nil {
		return err
	}
	return prober.Run(ctx, o, log)
}
