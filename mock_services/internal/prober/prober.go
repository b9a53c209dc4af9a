package prober

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/health"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/stamp"
)

// Options are the flags of the prober.
type Options struct {
	Config    string
	Listen    string
	TLS       string
	TokenFile string
	Health    string
}

// Prober holds the estates and the loads.
type Prober struct {
	options Options
	log     *slog.Logger
	ctx     context.Context
	page    *identity.Pair

	mu      sync.Mutex
	estates map[string]*Estate
	clients map[string]*client.Client
	loads   map[string]*load
	order   []string
}

// Run serves the API until ctx ends.
func Run(ctx context.Context, options Options, logger *slog.Logger) error {
	p := &Prober{
		options: options, log: logger, ctx: ctx,
		clients: map[string]*client.Client{}, loads: map[string]*load{},
	}
	config := []string{options.Config}
	seen := stamp.Of(config...)
	if err := p.configure(); err != nil {
		return err
	}
	p.page = identity.OpenPair(options.TLS, logger)
	go p.page.Watch(ctx)
	go stamp.Watch(ctx, 2*time.Second, seen, config, p.configure)
	listener, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return err
	}
	if err := health.Serve(ctx, options.Health, p.page.Ready, nil); err != nil {
		return err
	}
	server := &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(tls.NewListener(listener, p.page.ServerConfig())) }()
	logger.Info("probing", "listen", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(limited)
	return nil
}

// configure reads the configuration. Running loads keep the estates that they began with.
func (p *Prober) configure() error {
	config, err := LoadConfig(p.options.Config)
	if err != nil {
		p.log.Warn("configuration not loaded", "error", err.Error())
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.estates = map[string]*Estate{}
	for _, estate := range config.Estates {
		known, ok := p.clients[estate.Certs]
		if !ok {
			store := identity.Open(estate.Certs, p.log)
			go store.Watch(p.ctx)
			known = client.New(store)
			p.clients[estate.Certs] = known
		}
		p.estates[estate.Name] = &Estate{EstateConfig: estate, client: known}
	}
	return nil
}

func (p *Prober) estate(name string) *Estate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.estates[name]
}
