package prober

import (
	"context"
	"sync"
	"time"

	"pov.dev/mock/internal/schedule"
)

// A load that nobody stops (its client died) ends by itself.
const longestLoad = 4 * time.Hour

const procFolder = "/proc"

// LoadRequest is the body of POST /v1/loads, in milliseconds; an interval of 0 leaves that schedule out. Edges (estate,
// source, target) restrict the load to those; without any it takes all of the estates.
type LoadRequest struct {
	Estates                 []string   `json:"estates"`
	Edges                   [][]string `json:"edges"`
	IntervalMs              float64    `json:"intervalMs"`
	NewConnectionIntervalMs float64    `json:"newConnectionIntervalMs"`
	TimeoutMs               float64    `json:"timeoutMs"`
}

// Report is the answer of the loads' API. Requests hold handshakes: those of the schedule of new connections. Failed
// requests are hard ones and late ones; Late and Unsent are those of the late ones that this process lost itself. The
// counts are sums over the phases.
type Report struct {
	Totals
	Running          bool          `json:"running"`
	Seconds          float64       `json:"seconds"`
	FailedRequests   int           `json:"failedRequests"`
	LateFailures     int           `json:"lateFailures"`
	FailedHandshakes int           `json:"failedHandshakes"`
	Late             int           `json:"late"`
	Unsent           int           `json:"unsent"`
	Edges            []EdgeCount   `json:"edges"`
	Phases           []PhaseReport `json:"phases"`
	Failures         []Failure     `json:"failures"`
	FailuresCut      bool          `json:"failuresCut"`
	Heartbeat        Heartbeat     `json:"heartbeat"`
	Node             Node          `json:"node"`
}

// edge is one edge of an estate under load.
type edge struct {
	estate         *Estate
	source, target string
}

// load is one running or finished load.
type load struct {
	begun  time.Time
	record *record
	beat   *heartbeat
	window *schedule.Window
	before reading
	// after is set when everything has come to its end: before done is closed.
	after reading
	done  chan struct{}
}

func startLoad(edges []edge, request LoadRequest) *load {
	begun := time.Now()
	names := make([]EdgeCount, len(edges))
	for i, edge := range edges {
		names[i] = EdgeCount{Estate: edge.estate.Name, Source: edge.source, Target: edge.target}
	}
	l := &load{
		begun: begun, record: newRecord(begun, names), beat: newHeartbeat(begun), window: schedule.Open(),
		before: readNode(procFolder), done: make(chan struct{}),
	}
	kept, fresh := ms(request.IntervalMs), ms(request.NewConnectionIntervalMs)
	var streams sync.WaitGroup
	for i := range edges {
		phase := func(interval time.Duration) time.Duration { return schedule.Phase(i, len(edges), interval) }
		for _, stream := range []schedule.Stream{
			l.stream(edges[i], i, false, kept, phase(kept), ms(request.TimeoutMs)),
			l.stream(edges[i], i, true, fresh, phase(fresh)+schedule.Phase(1, 2*len(edges), fresh), ms(request.TimeoutMs)),
		} {
			if stream.Interval > 0 {
				streams.Go(func() { stream.Run(l.window) })
			}
		}
	}
	limit := time.AfterFunc(longestLoad, l.window.Close)
	go l.finish(&streams, limit)
	return l
}

func (l *load) stream(e edge, index int, fresh bool, interval, offset, timeout time.Duration) schedule.Stream {
	return schedule.Stream{
		First:    l.begun.Add(offset),
		Interval: interval,
		Timeout:  timeout,
		Limit:    schedule.Limit(interval, timeout),
		Send: func(slot, deadline time.Time) {
			// The time runs from the slot, not from the sending: what the prober lost is not given back. It ends what
			// was under way when the load was stopped, too.
			answer := e.estate.call(context.Background(), e.source, e.target, fresh, time.Until(deadline))
			now := time.Now()
			l.record.answered(slot, now, index, fresh, answer, !now.After(deadline))
		},
		Late:   func(slot time.Time) { l.record.wasLate(slot, index, fresh) },
		Unsent: func(slot time.Time) { l.record.wasUnsent(slot, index, fresh) },
	}
}

// finish beats and looks at the machine until the last request is answered: a stall after the last slot still delays
// what is under way.
func (l *load) finish(streams *sync.WaitGroup, limit *time.Timer) {
	answered := make(chan struct{})
	go func() {
		<-l.window.Done()
		limit.Stop()
		streams.Wait()
		close(answered)
	}()
	l.beat.run(answered)
	l.after = readNode(procFolder)
	close(l.done)
}

// stop ends the schedule and waits for what is under way, which its own timeouts bound.
func (l *load) stop() {
	l.window.Close()
	<-l.done
}

func (l *load) running() bool {
	_, over := l.window.End()
	return !over
}

func (l *load) report() Report {
	ended, over := l.window.End()
	if !over {
		ended = time.Now()
	}
	report := l.record.read(ended)
	report.Running, report.Seconds = !over, ended.Sub(l.begun).Seconds()
	report.Heartbeat = l.beat.read()
	select {
	case <-l.done:
		report.Node = between(l.before, l.after)
	default:
		report.Node = between(l.before, readNode(procFolder))
	}
	return report
}

func ms(number float64) time.Duration { return time.Duration(number * float64(time.Millisecond)) }
