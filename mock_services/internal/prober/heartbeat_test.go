package prober

import (
	"testing"
	"time"
)

func TestDelaysOfTheHeartbeat(t *testing.T) {
	begun := time.Now()
	h := newHeartbeat(begun)
	due := begun.Add(time.Second)
	h.woke(due, due.Add(-5*time.Millisecond)) // stopped before it was due
	h.woke(due, due.Add(stallAbove))
	if got := h.read(); len(got.Stalls) != 0 || got.LongestMs != 100 || got.IntervalMs != 20 {
		t.Errorf("%+v", got)
	}
	h.woke(due, due.Add(900*time.Millisecond))
	if got := h.read(); len(got.Stalls) != 1 || got.Stalls[0] != (Stall{1000, 1900}) || got.LongestMs != 900 {
		t.Errorf("%+v", got)
	}
	for range maxStalls {
		h.woke(due, due.Add(200*time.Millisecond))
	}
	if got := h.read(); len(got.Stalls) != maxStalls || !got.Cut || got.LongestMs != 900 {
		t.Errorf("%d stalls, cut %v", len(got.Stalls), got.Cut)
	}
}
