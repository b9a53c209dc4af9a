package prober

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"pov.dev/mock/internal/health"
)

const (
	// How long one look at one edge or replica may take.
	lookTimeout = 2 * time.Second
	maxRunning  = 4
	keepLoads   = 20
	// The edges of a load on a thousand services, by name.
	maxBody = 1 << 20
)

func (p *Prober) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/verify", p.verify)
	mux.HandleFunc("GET /v1/identify", p.identify)
	mux.HandleFunc("GET /v1/refusals", p.refusals)
	mux.HandleFunc("POST /v1/loads", p.start)
	mux.HandleFunc("GET /v1/loads/{id}", p.look)
	mux.HandleFunc("POST /v1/loads/{id}/phases", p.phase)
	mux.HandleFunc("DELETE /v1/loads/{id}", p.stop)
	mux.HandleFunc("DELETE /v1/loads", p.stopAll)
	return p.guarded(mux)
}

// guarded lets in who knows the token. The file is read each time: it is small, and it may be replaced.
func (p *Prober) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := os.ReadFile(p.options.TokenFile)
		token := strings.TrimSpace(string(raw))
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err != nil || token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			refuse(w, http.StatusUnauthorized, "a bearer token is needed")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, why string) {
	health.JSON(w, status, map[string]string{"message": why})
}

// chosen is the estate that the request names, or nil after an answer that it is unknown.
func (p *Prober) chosen(w http.ResponseWriter, r *http.Request) *Estate {
	name := r.URL.Query().Get("estate")
	estate := p.estate(name)
	if estate == nil {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no estate %q", name))
	}
	return estate
}

func (p *Prober) verify(w http.ResponseWriter, r *http.Request) {
	estate := p.chosen(w, r)
	if estate == nil {
		return
	}
	answers := make([]EdgeAnswer, len(estate.Edges))
	each(len(answers), func(i int) {
		answers[i] = estate.call(r.Context(), estate.Edges[i][0], estate.Edges[i][1], true, lookTimeout)
	})
	health.JSON(w, http.StatusOK, map[string]any{"edges": answers})
}

func (p *Prober) identify(w http.ResponseWriter, r *http.Request) {
	estate := p.chosen(w, r)
	if estate == nil {
		return
	}
	services := estate.Services
	if wanted := r.URL.Query().Get("services"); wanted != "" {
		services = strings.Split(wanted, ",")
	}
	// A service that is just coming is on no list yet: whoever says so has it looked for by its name.
	unlisted := r.URL.Query().Get("unlisted") == "1"
	for _, name := range services {
		if !slices.Contains(estate.Services, name) && !(unlisted && serviceName.MatchString(name)) {
			refuse(w, http.StatusNotFound, fmt.Sprintf("no service %q in %s", name, estate.Name))
			return
		}
	}
	found := make([][]Replica, len(services))
	each(len(services), func(i int) { found[i] = estate.identify(r.Context(), services[i], lookTimeout) })
	health.JSON(w, http.StatusOK, map[string]any{"services": slices.Concat([]Replica{}, slices.Concat(found...))})
}

func (p *Prober) refusals(w http.ResponseWriter, r *http.Request) {
	if estate := p.chosen(w, r); estate != nil {
		health.JSON(w, http.StatusOK, estate.refusals(r.Context(), lookTimeout))
	}
}

func (p *Prober) start(w http.ResponseWriter, r *http.Request) {
	var request LoadRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		refuse(w, http.StatusBadRequest, "the body is no JSON object of a load")
		return
	}
	if why := request.fault(); why != "" {
		refuse(w, http.StatusBadRequest, why)
		return
	}
	var estates []*Estate
	for _, name := range request.Estates {
		estate := p.estate(name)
		if estate == nil {
			refuse(w, http.StatusNotFound, fmt.Sprintf("no estate %q", name))
			return
		}
		estates = append(estates, estate)
	}
	edges, missing := chosenEdges(estates, request.Edges)
	if missing != "" {
		refuse(w, http.StatusNotFound, missing)
		return
	}
	id := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	running := 0
	for _, load := range p.loads {
		if load.running() {
			running++
		}
	}
	if running >= maxRunning {
		refuse(w, http.StatusConflict, fmt.Sprintf("%d loads are running already", running))
		return
	}
	p.loads[id] = startLoad(edges, request)
	p.order = append(p.order, id)
	p.forget()
	health.JSON(w, http.StatusCreated, map[string]string{"id": id})
}

// forget drops the oldest loads that have ended; the lock is held.
func (p *Prober) forget() {
	for i := 0; len(p.order) > keepLoads && i < len(p.order); {
		if id := p.order[i]; !p.loads[id].running() {
			delete(p.loads, id)
			p.order = slices.Delete(p.order, i, i+1)
			continue
		}
		i++
	}
}

// chosenEdges are those that are wanted, all without any wish, in the estates' order; or what is unknown.
func chosenEdges(estates []*Estate, wanted [][]string) (edges []edge, missing string) {
	left := slices.Clone(wanted)
	for _, estate := range estates {
		for _, pair := range estate.Edges {
			same := func(wish []string) bool { return slices.Equal(wish, []string{estate.Name, pair[0], pair[1]}) }
			if len(wanted) == 0 || slices.ContainsFunc(wanted, same) {
				edges = append(edges, edge{estate, pair[0], pair[1]})
				left = slices.DeleteFunc(left, same)
			}
		}
	}
	if len(left) > 0 {
		return nil, fmt.Sprintf("no edge %s to %s in %s among the estates", left[0][1], left[0][2], left[0][0])
	}
	return edges, ""
}

// fault says what is wrong with a request, or nothing.
func (r LoadRequest) fault() string {
	inside := func(number float64) bool { return number >= 10 && number <= 60_000 }
	switch {
	case len(r.Estates) == 0:
		return "estates are needed"
	case !inside(r.TimeoutMs):
		return "timeoutMs is not in 10 to 60000"
	case r.IntervalMs == 0 && r.NewConnectionIntervalMs == 0:
		return "an interval is needed"
	case r.IntervalMs != 0 && !inside(r.IntervalMs):
		return "intervalMs is not in 10 to 60000"
	case r.NewConnectionIntervalMs != 0 && !inside(r.NewConnectionIntervalMs):
		return "newConnectionIntervalMs is not in 10 to 60000"
	case r.Edges != nil && len(r.Edges) == 0:
		return "edges are empty: leave them out for all"
	case slices.ContainsFunc(r.Edges, func(wish []string) bool { return len(wish) != 3 }):
		return "an edge is estate, source and target"
	}
	return ""
}

func (p *Prober) load(w http.ResponseWriter, r *http.Request) *load {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.loads[r.PathValue("id")]
	if found == nil {
		refuse(w, http.StatusNotFound, "no such load")
	}
	return found
}

func (p *Prober) look(w http.ResponseWriter, r *http.Request) {
	if load := p.load(w, r); load != nil {
		health.JSON(w, http.StatusOK, load.report())
	}
}

var serviceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,55}[a-z0-9])?$`)

var phaseName = regexp.MustCompile(`^[a-z-]{1,40}$`)

// phase begins one. It ends the one before.
func (p *Prober) phase(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Name string `json:"name"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || !phaseName.MatchString(request.Name) {
		refuse(w, http.StatusBadRequest, "a phase needs a name of 1 to 40 of a-z and -")
		return
	}
	load := p.load(w, r)
	if load == nil {
		return
	}
	if !load.running() {
		refuse(w, http.StatusConflict, "the load has ended")
		return
	}
	if err := load.record.begin(request.Name); err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	health.JSON(w, http.StatusCreated, map[string]string{"name": request.Name})
}

// stop may be asked twice: an ended load tells the same again.
func (p *Prober) stop(w http.ResponseWriter, r *http.Request) {
	if load := p.load(w, r); load != nil {
		load.stop()
		health.JSON(w, http.StatusOK, load.report())
	}
}

// stopAll ends what a caller that was killed has left behind.
func (p *Prober) stopAll(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	var running []*load
	for _, load := range p.loads {
		if load.running() {
			running = append(running, load)
		}
	}
	p.mu.Unlock()
	for _, load := range running {
		load.stop()
	}
	health.JSON(w, http.StatusOK, map[string]int{"stopped": len(running)})
}
