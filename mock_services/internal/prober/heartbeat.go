package prober

import (
	"sync"
	"time"
)

const (
	beatEvery = 20 * time.Millisecond
	// A delay above this is a stall: far more than what a busy machine's scheduler does in passing.
	stallAbove = 100 * time.Millisecond
	maxStalls  = 1000
)

// Stall is a time in which this process was kept from running, since the load began.
type Stall struct {
	FromMs float64 `json:"fromMs"`
	ToMs   float64 `json:"toMs"`
}

// Heartbeat is how late this process woke up when it wanted to, every IntervalMs. Cut tells that there were more stalls.
type Heartbeat struct {
	IntervalMs float64 `json:"intervalMs"`
	LongestMs  float64 `json:"longestMs"`
	Stalls     []Stall `json:"stalls"`
	Cut        bool    `json:"cut"`
}

type heartbeat struct {
	begun time.Time
	mu    sync.Mutex
	now   Heartbeat
}

func newHeartbeat(begun time.Time) *heartbeat {
	return &heartbeat{begun: begun, now: Heartbeat{IntervalMs: inMs(beatEvery), Stalls: []Stall{}}}
}

// run beats until it is stopped. A stall that lasts into the stop is told, too.
func (h *heartbeat) run(stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for over := false; !over; {
		due := time.Now().Add(beatEvery)
		timer.Reset(beatEvery)
		select {
		case <-stop:
			over = true
		case <-timer.C:
		}
		h.woke(due, time.Now())
	}
}

func (h *heartbeat) woke(due, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delay := now.Sub(due)
	h.now.LongestMs = max(h.now.LongestMs, inMs(delay))
	switch {
	case delay <= stallAbove:
	case len(h.now.Stalls) >= maxStalls:
		h.now.Cut = true
	default:
		h.now.Stalls = append(h.now.Stalls, Stall{inMs(due.Sub(h.begun)), inMs(now.Sub(h.begun))})
	}
}

func (h *heartbeat) read() Heartbeat {
	h.mu.Lock()
	defer h.mu.Unlock()
	copied := h.now
	copied.Stalls = append([]Stall{}, h.now.Stalls...)
	return copied
}
