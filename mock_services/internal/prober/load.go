package prober

import (
	"context"
	"sync"
	"time"

	"pov.dev/mock/internal/schedule"
)

// A load that nobody stops (its client died) ends by itself.
const longestLoad = 4 * time.Hour

// LoadRequest is the body of POST /v1/loads, in milliseconds; an interval of 0 leaves that schedule out.
type LoadRequest struct {
	Estates                 []string `json:"estates"`
	IntervalMs              float64  `json:"intervalMs"`
	NewConnectionIntervalMs float64  `json:"newConnectionIntervalMs"`
	TimeoutMs               float64  `json:"timeoutMs"`
}

// Report is the answer of the loads' API. Requests hold handshakes: those of the schedule of new connections.
type Report struct {
	Running          bool        `json:"running"`
	Seconds          float64     `json:"seconds"`
	Requests         int         `json:"requests"`
	FailedRequests   int         `json:"failedRequests"`
	Handshakes       int         `json:"handshakes"`
	FailedHandshakes int         `json:"failedHandshakes"`
	Late             int         `json:"late"`
	Unsent           int         `json:"unsent"`
	Edges            []EdgeCount `json:"edges"`
}

// load is one running or finished load.
type load struct {
	tallies []*tally
	begun   time.Time
	window  *schedule.Window
	done    chan struct{}
}

func startLoad(estates []*Estate, request LoadRequest) *load {
	l := &load{begun: time.Now(), window: schedule.Open(), done: make(chan struct{})}
	type edge struct {
		estate         *Estate
		source, target string
	}
	var edges []edge
	for _, estate := range estates {
		for _, pair := range estate.Edges {
			edges = append(edges, edge{estate, pair[0], pair[1]})
		}
	}
	kept, fresh, timeout := ms(request.IntervalMs), ms(request.NewConnectionIntervalMs), ms(request.TimeoutMs)
	var running sync.WaitGroup
	for i, edge := range edges {
		tally := &tally{count: EdgeCount{
			Estate: edge.estate.Name, Source: edge.source, Target: edge.target, Errors: map[string]int{},
		}}
		l.tallies = append(l.tallies, tally)
		start := func(fresh bool, interval, offset time.Duration) {
			if interval == 0 {
				return
			}
			stream := schedule.Stream{
				First:    l.begun.Add(offset + schedule.Phase(i, len(edges), interval)),
				Interval: interval,
				Timeout:  timeout,
				Limit:    schedule.Limit(interval, timeout),
				Send: func(_, deadline time.Time) {
					// The time runs from the slot, not from the sending: what the prober lost is not given back. It
					// ends what was under way when the load was stopped, too.
					answer := edge.estate.call(context.Background(), edge.source, edge.target, fresh, time.Until(deadline))
					tally.answered(fresh, answer, !time.Now().After(deadline))
				},
				Late:   func() { tally.wasLate(fresh) },
				Unsent: func() { tally.wasUnsent(fresh) },
			}
			running.Go(func() { stream.Run(l.window) })
		}
		start(false, kept, 0)
		start(true, fresh, schedule.Phase(1, 2*len(edges), fresh))
	}
	limit := time.AfterFunc(longestLoad, l.window.Close)
	go func() {
		<-l.window.Done()
		limit.Stop()
		running.Wait()
		close(l.done)
	}()
	return l
}

// stop ends the schedule and waits for what is under way, which its own timeouts bound.
func (l *load) stop() {
	l.window.Close()
	<-l.done
}

func (l *load) report() Report {
	report := Report{Edges: make([]EdgeCount, 0, len(l.tallies))}
	ended, over := l.window.End()
	if report.Running = !over; report.Running {
		ended = time.Now()
	}
	report.Seconds = ended.Sub(l.begun).Seconds()
	for _, tally := range l.tallies {
		count, late, unsent := tally.read()
		report.Edges = append(report.Edges, count)
		report.Late += late
		report.Unsent += unsent
		report.Requests += count.Kept.Requests + count.Fresh.Requests
		report.FailedRequests += count.Kept.Failed + count.Fresh.Failed
		report.Handshakes += count.Fresh.Requests
		report.FailedHandshakes += count.Fresh.Failed
	}
	return report
}

func ms(number float64) time.Duration { return time.Duration(number * float64(time.Millisecond)) }
