package schedule

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type counts struct{ sent, late, unsent atomic.Int64 }

func (c *counts) stream(first time.Time, send func(deadline time.Time)) Stream {
	return Stream{
		First: first, Interval: 100 * time.Millisecond, Timeout: 200 * time.Millisecond, Limit: 3,
		Send:   func(_, deadline time.Time) { c.sent.Add(1); send(deadline) },
		Late:   func(time.Time) { c.late.Add(1) },
		Unsent: func(time.Time) { c.unsent.Add(1) },
	}
}

func (c *counts) want(t *testing.T, sent, late, unsent int64) {
	t.Helper()
	if c.sent.Load() != sent || c.late.Load() != late || c.unsent.Load() != unsent {
		t.Errorf("sent %d, late %d, unsent %d; want %d, %d, %d",
			c.sent.Load(), c.late.Load(), c.unsent.Load(), sent, late, unsent)
	}
}

func lasting(d time.Duration) *Window {
	window := Open()
	if d == 0 {
		window.Close()
	}
	time.AfterFunc(d, window.Close)
	return window
}

func TestASlowPeerDoesNotSlowTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		window := lasting(10*time.Second - time.Millisecond)
		c.stream(time.Now(), func(deadline time.Time) { time.Sleep(time.Until(deadline)) }).Run(window)
		c.want(t, 100, 0, 0)
	})
}

func TestStuckRequestsMakeTheNextUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		window := lasting(time.Second - time.Millisecond)
		c.stream(time.Now(), func(time.Time) { time.Sleep(time.Hour) }).Run(window)
		c.want(t, 3, 0, 7)
	})
}

func TestASenderBehindItsScheduleIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		window := lasting(time.Second - time.Millisecond)
		// Slots lie at -450, -350, -250, -150, -50 ms, and then in the future: the first four are over half a timeout old.
		c.stream(time.Now().Add(-450*time.Millisecond), func(time.Time) {}).Run(window)
		c.want(t, 1+10, 4, 0)
	})
}

func TestSlotsBeforeTheEndAreToldEvenIfItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		window := lasting(0)
		c.stream(time.Now().Add(-250*time.Millisecond), func(time.Time) {}).Run(window)
		c.want(t, 1, 2, 0)
	})
}

func TestTheEndWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		window := lasting(50 * time.Millisecond)
		ended := false
		c.stream(time.Now(), func(deadline time.Time) { time.Sleep(time.Until(deadline)); ended = true }).Run(window)
		if !ended {
			t.Error("left a request behind")
		}
		c.want(t, 1, 0, 0)
	})
}

func TestPhasesAreSpread(t *testing.T) {
	for index, want := range []time.Duration{0, 250, 500, 750} {
		if got := Phase(index, 4, time.Second); got != want*time.Millisecond {
			t.Errorf("%d: %s", index, got)
		}
	}
	if Phase(0, 0, time.Second) != 0 {
		t.Error("no stream, no phase")
	}
}
