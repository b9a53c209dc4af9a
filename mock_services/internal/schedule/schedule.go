// Package schedule sends by the clock and not by the answers: an open loop. What is slow to answer does not slow down
// what is sent, so a stall shows as the failures that clients would have seen.
package schedule

import (
	"context"
	"sync"
	"time"
)

// Stream is one sequence of slots at equal distances.
type Stream struct {
	// First is the time of slot 0.
	First    time.Time
	Interval time.Duration
	// Timeout is the time from its slot within which a request has to be answered. One that could only be sent when half
	// of it was over is late.
	Timeout time.Duration
	// Limit is how many requests may be under way.
	Limit int
	// Send does one request and ends by the deadline. Late and Unsent hear of slots without a request.
	Send   func(slot, deadline time.Time)
	Late   func()
	Unsent func()
}

// Phase spreads `count` streams evenly over an interval.
func Phase(index, count int, interval time.Duration) time.Duration {
	return time.Duration(int64(interval) * int64(index) / int64(max(count, 1)))
}

// Limit is how many requests of a stream can be under way while none is stuck, and a few more.
func Limit(interval, timeout time.Duration) int {
	return min(64, 3+int(timeout/max(interval, time.Millisecond)))
}

// Run works through the slots until ctx ends, then waits for what is under way. Each slot up to the end is told once,
// those too that came while this process was kept from running.
func (s Stream) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, s.Limit)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for slot := s.First; ; slot = slot.Add(s.Interval) {
		if wait := time.Until(slot); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if ctx.Err() != nil && time.Now().Before(slot) {
			return
		}
		if time.Since(slot) > s.Timeout/2 {
			s.Late()
			continue
		}
		select {
		case free <- struct{}{}:
			running.Go(func() {
				defer func() { <-free }()
				s.Send(slot, slot.Add(s.Timeout))
			})
		default:
			s.Unsent()
		}
	}
}
