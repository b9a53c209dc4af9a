// Package schedule sends by the clock and not by the answers: an open loop. What is slow to answer does not slow down
// what is sent, so a stall shows as the failures that clients would have seen.
package schedule

import (
	"sync"
	"time"
)

// Window is the time in which slots count. It is closed once; the end is the same for every stream, however late one of
// them hears of it.
type Window struct {
	once sync.Once
	done chan struct{}
	end  time.Time
}

// Open begins a window.
func Open() *Window { return &Window{done: make(chan struct{})} }

// Close ends it now; closing it again changes nothing.
func (w *Window) Close() {
	w.once.Do(func() {
		w.end = time.Now()
		close(w.done)
	})
}

// Done is closed with the window.
func (w *Window) Done() <-chan struct{} { return w.done }

// End is when it was closed, if it was.
func (w *Window) End() (time.Time, bool) {
	select {
	case <-w.done:
		return w.end, true
	default:
		return time.Time{}, false
	}
}

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
	// Send does one request and ends by the deadline. Late and Unsent hear of slots without a request, by their time.
	Send   func(slot, deadline time.Time)
	Late   func(slot time.Time)
	Unsent func(slot time.Time)
}

// Phase spreads `count` streams evenly over an interval.
func Phase(index, count int, interval time.Duration) time.Duration {
	return time.Duration(int64(interval) * int64(index) / int64(max(count, 1)))
}

// Limit is how many requests of a stream can be under way while none is stuck, and a few more.
func Limit(interval, timeout time.Duration) int {
	return min(64, 3+int(timeout/max(interval, time.Millisecond)))
}

// Run works through the slots of a window, then waits for what is under way. Each slot up to the window's end is told
// once, those too that came while this process was kept from running.
func (s Stream) Run(window *Window) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, s.Limit)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for slot := s.First; ; slot = slot.Add(s.Interval) {
		if wait := time.Until(slot); wait > 0 {
			timer.Reset(wait)
			select {
			case <-window.Done():
			case <-timer.C:
			}
		}
		if end, over := window.End(); over && slot.After(end) {
			return
		}
		if time.Since(slot) > s.Timeout/2 {
			s.Late(slot)
			continue
		}
		select {
		case free <- struct{}{}:
			running.Go(func() {
				defer func() { <-free }()
				s.Send(slot, slot.Add(s.Timeout))
			})
		default:
			s.Unsent(slot)
		}
	}
}
