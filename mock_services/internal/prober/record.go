package prober

import (
	"errors"
	"sync"
	"time"

	"pov.dev/mock/internal/client"
)

const (
	firstPhase  = "warm-up"
	maxPhases   = 20
	maxFailures = 5000
)

// Failure is one failed request: from its slot to the moment at which it was known to have failed, since the load began.
// Edge is an index into the report's edges.
type Failure struct {
	Edge   int     `json:"edge"`
	Fresh  bool    `json:"fresh"`
	Kind   string  `json:"kind"`
	Cause  string  `json:"cause"`
	FromMs float64 `json:"fromMs"`
	ToMs   float64 `json:"toMs"`
}

// PhaseReport is what a load counted of the slots between two moments. Latency is null where nothing was answered.
type PhaseReport struct {
	Totals
	Name    string      `json:"name"`
	FromMs  float64     `json:"fromMs"`
	ToMs    float64     `json:"toMs"`
	Late    int         `json:"late"`
	Latency *Latency    `json:"latency"`
	Edges   []EdgeCount `json:"edges"`
}

type phase struct {
	name    string
	from    time.Time
	edges   []EdgeCount
	latency latencies
}

// record keeps what came of every slot of a load, by phase and edge. A request belongs to the phase in which its slot
// lies, whenever it is answered.
type record struct {
	mu       sync.Mutex
	begun    time.Time
	phases   []*phase
	failures []Failure
	cut      bool
	late     int
	unsent   int
}

// newRecord begins with the first phase. The edges give the names; their counts are not looked at.
func newRecord(begun time.Time, edges []EdgeCount) *record {
	return &record{begun: begun, phases: []*phase{newPhase(firstPhase, begun, edges)}, failures: []Failure{}}
}

func newPhase(name string, from time.Time, edges []EdgeCount) *phase {
	p := &phase{name: name, from: from, edges: make([]EdgeCount, 0, len(edges))}
	for _, edge := range edges {
		p.edges = append(p.edges, edge.empty())
	}
	return p
}

// begin starts a phase now. The time is read under the lock, and a slot is looked up after its time: none can be put
// into a phase that had not begun, or had ended.
func (r *record) begin(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.phases) >= maxPhases {
		return errors.New("there are too many phases already")
	}
	r.phases = append(r.phases, newPhase(name, time.Now(), r.phases[0].edges))
	return nil
}

// of finds a slot's phase; the lock is held.
func (r *record) of(slot time.Time) *phase {
	for i := len(r.phases) - 1; i > 0; i-- {
		if !slot.Before(r.phases[i].from) {
			return r.phases[i]
		}
	}
	return r.phases[0]
}

// answered counts a request that was sent. One that came too late is failed, whatever it says.
func (r *record) answered(slot, at time.Time, edge int, fresh bool, answer EdgeAnswer, inTime bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	phase := r.of(slot)
	count := &phase.edges[edge]
	count.of(fresh).Requests++
	if answer.handshake && !fresh {
		count.of(fresh).Reconnects++
	}
	count.saw(answer.Serial)
	if answer.OK {
		phase.latency.add(at.Sub(slot))
	}
	switch {
	case !answer.OK:
		r.fail(count, Failure{Edge: edge, Fresh: fresh, Kind: answer.kind, Cause: answer.Error}, slot, at)
	case !inTime:
		r.fail(count, Failure{Edge: edge, Fresh: fresh, Kind: client.Late, Cause: "answered after its time"}, slot, at)
	}
}

// wasLate counts a slot that this process could not keep.
func (r *record) wasLate(slot time.Time, edge int, fresh bool) {
	r.lost(slot, edge, fresh, &r.late, "late: the prober was behind its schedule")
}

// wasUnsent counts a slot at which too many requests were waiting for an answer.
func (r *record) wasUnsent(slot time.Time, edge int, fresh bool) {
	r.lost(slot, edge, fresh, &r.unsent, "unsent: too many requests under way")
}

func (r *record) lost(slot time.Time, edge int, fresh bool, number *int, cause string) {
	at := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	*number++
	count := &r.of(slot).edges[edge]
	count.of(fresh).Requests++
	r.fail(count, Failure{Edge: edge, Fresh: fresh, Kind: client.Late, Cause: cause}, slot, at)
}

func (r *record) fail(count *EdgeCount, failure Failure, slot, at time.Time) {
	count.fail(failure.Fresh, failure.Kind, failure.Cause, 1)
	if len(r.failures) >= maxFailures {
		r.cut = true
		return
	}
	failure.FromMs, failure.ToMs = inMs(slot.Sub(r.begun)), inMs(at.Sub(r.begun))
	r.failures = append(r.failures, failure)
}

// read copies everything; `end` is where the last phase ends.
func (r *record) read(end time.Time) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{
		Late: r.late, Unsent: r.unsent, FailuresCut: r.cut, Failures: append([]Failure{}, r.failures...),
		Edges: newPhase("", r.begun, r.phases[0].edges).edges,
	}
	for i, phase := range r.phases {
		until := end
		if i+1 < len(r.phases) {
			until = r.phases[i+1].from
		} else if until.Before(phase.from) {
			until = phase.from // it began in the moment in which the load was stopped
		}
		copied := PhaseReport{
			Name: phase.name, FromMs: inMs(phase.from.Sub(r.begun)), ToMs: inMs(until.Sub(r.begun)),
			Latency: phase.latency.read(), Edges: newPhase("", r.begun, phase.edges).edges,
		}
		for j := range phase.edges {
			copied.Edges[j].add(phase.edges[j])
			report.Edges[j].add(phase.edges[j])
		}
		copied.Totals, copied.Late = totals(copied.Edges)
		report.Phases = append(report.Phases, copied)
	}
	report.Totals, report.LateFailures = totals(report.Edges)
	report.FailedRequests = report.Hard + report.LateFailures
	report.FailedHandshakes = report.HardHandshakes + report.LateHandshakes
	return report
}

func inMs(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
