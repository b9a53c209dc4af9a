package service

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pov.dev/mock/internal/authz"
	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/health"
	"pov.dev/mock/internal/identity"
)

const (
	defaultTimeout = time.Second
	maxTimeout     = 30 * time.Second
	work           = "/work"
	// Guarded is what a service gives to nobody who does not present its credential.
	Guarded = "/guarded"
	bearer  = "Bearer "
)

// Identity is the answer of /identity. Credential is the fingerprint of the one in use, empty without one.
type Identity struct {
	Service    string    `json:"service"`
	Version    string    `json:"version"`
	Serial     string    `json:"serial"`
	NotAfter   time.Time `json:"notAfter"`
	Started    time.Time `json:"started"`
	Pod        string    `json:"pod"`
	Credential string    `json:"credential"`
}

// Outcome is the answer of /call: how the service's own request to its callee went. Kind is that of the failure
// (client.Hard, client.Late), or empty.
type Outcome struct {
	OK        bool    `json:"ok"`
	Status    int     `json:"status"`
	Error     string  `json:"error"`
	Kind      string  `json:"kind"`
	Version   string  `json:"version"`
	Serial    string  `json:"serial"`
	Handshake bool    `json:"handshake"`
	Ms        float64 `json:"ms"`
}

// Refusal is the answer of /refused: whether a call that the topology does not allow was refused by its target.
type Refusal struct {
	Refused bool   `json:"refused"`
	Status  int    `json:"status"`
	Error   string `json:"error"`
}

// ServeHTTP decides by the peer's name, then does what was asked. Whatever is not allowed is 403.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	topology := s.topology.Load()
	w.Header().Set("X-Pov-Version", s.release.version)
	if snapshot := s.store.Current(); snapshot != nil {
		w.Header().Set("X-Pov-Serial", snapshot.Serial)
	}
	if !s.mayStay(r) {
		w.Header().Set("Connection", "close")
	}
	peer, err := identity.Peer(r.TLS.PeerCertificates[0])
	if err != nil || r.Method != http.MethodGet {
		s.forbid(w, "no such peer or method")
		return
	}
	if r.URL.Path == work && topology.MayWork(s.options.Name, peer) {
		s.work(r.Context(), w, topology.Edge(s.options.Name, peer))
		return
	}
	if r.URL.Path == Guarded && (topology.MayWork(s.options.Name, peer) || peer == topology.ID(s.options.Name)) {
		s.guarded(w, r)
		return
	}
	if !topology.IsProber(peer) {
		s.forbid(w, fmt.Sprintf("%s may not ask %s for %s", peer, s.options.Name, r.URL.Path))
		return
	}
	switch r.URL.Path {
	case "/identity":
		s.identity(w)
	case "/call":
		s.call(w, r, topology)
	case "/refused":
		s.refused(w, r, topology)
	default:
		s.forbid(w, "nothing here")
	}
}

func (s *Service) forbid(w http.ResponseWriter, why string) {
	health.JSON(w, http.StatusForbidden, map[string]string{"error": why})
}

// guarded answers whoever presents the credential in use, and 401 to everybody else: also to those who present the one
// from before, from the moment on at which another is in use.
func (s *Service) guarded(w http.ResponseWriter, r *http.Request) {
	held, presented := s.secret.Load(), r.Header.Get("Authorization")
	if held == nil || !strings.HasPrefix(presented, bearer) || !held.Is(strings.TrimPrefix(presented, bearer)) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		health.JSON(w, http.StatusUnauthorized, map[string]string{"error": "not the credential in use"})
		return
	}
	health.JSON(w, http.StatusOK, map[string]string{"credential": held.Fingerprint()})
}

func (s *Service) work(caller context.Context, w http.ResponseWriter, edge authz.Call) {
	time.Sleep(time.Duration(edge.LatencyMs * float64(time.Millisecond)))
	if edge.StallRate > 0 && rand.Float64() < edge.StallRate {
		<-caller.Done()
		return
	}
	if edge.ErrorRate > 0 && rand.Float64() < edge.ErrorRate {
		health.JSON(w, http.StatusInternalServerError, map[string]string{"error": "injected by the topology"})
		return
	}
	if s.release.errorRate > 0 && rand.Float64() < s.release.errorRate {
		health.JSON(w, http.StatusInternalServerError, map[string]string{"error": "injected by the release"})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(edge.PayloadBytes))
	_, _ = io.CopyN(w, filler{}, int64(edge.PayloadBytes))
}

type filler struct{}

func (filler) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = '.'
	}
	return len(into), nil
}

func (s *Service) identity(w http.ResponseWriter) {
	answer := Identity{Service: s.options.Name, Version: s.release.version, Started: s.started, Pod: s.pod}
	if held := s.secret.Load(); held != nil {
		answer.Credential = held.Fingerprint()
	}
	if snapshot := s.store.Current(); snapshot != nil {
		answer.Serial, answer.NotAfter = snapshot.Serial, snapshot.Leaf().NotAfter.UTC()
	}
	health.JSON(w, http.StatusOK, answer)
}

func (s *Service) call(w http.ResponseWriter, r *http.Request, topology *authz.Topology) {
	to := r.URL.Query().Get("to")
	edge, ok := topology.Call(s.options.Name, to)
	if !ok {
		health.JSON(w, http.StatusOK, Outcome{Error: s.options.Name + " does not call " + to, Kind: client.Hard})
		return
	}
	begun := time.Now()
	answer, err := s.ask(r, edge.Address, topology.ID(to), r.URL.Query().Get("fresh") == "1")
	outcome := Outcome{
		Status: answer.Status, Handshake: answer.Handshake, Serial: answer.Serial(),
		Ms: float64(time.Since(begun).Microseconds()) / 1000,
	}
	switch {
	case err != nil:
		outcome.Error, outcome.Kind = err.Error(), client.KindOf(err)
	case answer.Status != http.StatusOK:
		outcome.Error, outcome.Kind = fmt.Sprintf("status %d", answer.Status), client.Hard
	case len(answer.Body) != edge.PayloadBytes:
		outcome.Error = fmt.Sprintf("%d bytes instead of %d", len(answer.Body), edge.PayloadBytes)
		outcome.Kind = client.Hard
	default:
		outcome.OK = true
	}
	if answer.Header != nil {
		outcome.Version = answer.Header.Get("X-Pov-Version")
	}
	health.JSON(w, http.StatusOK, outcome)
}

func (s *Service) refused(w http.ResponseWriter, r *http.Request, topology *authz.Topology) {
	to := r.URL.Query().Get("to")
	if _, ok := topology.Call(s.options.Name, to); ok || to == "" {
		health.JSON(w, http.StatusOK, Refusal{Error: s.options.Name + " may call " + to})
		return
	}
	answer, err := s.ask(r, topology.AddressOf(to), topology.ID(to), true)
	refusal := Refusal{Status: answer.Status, Refused: err == nil && answer.Status == http.StatusForbidden}
	if err != nil {
		refusal.Error = err.Error()
	}
	health.JSON(w, http.StatusOK, refusal)
}

// ask sends one request as this service itself, within the time that the prober gives.
func (s *Service) ask(r *http.Request, address, peer string, fresh bool) (client.Answer, error) {
	timeout := defaultTimeout
	if ms, err := strconv.ParseFloat(r.URL.Query().Get("timeoutMs"), 64); err == nil && ms > 0 {
		timeout = min(time.Duration(ms*float64(time.Millisecond)), maxTimeout)
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	return s.client.Get(ctx, address, peer, work, fresh)
}
