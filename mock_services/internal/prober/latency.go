package prober

import (
	"math"
	"time"
)

// Latency is counted from the slot at which a request should have been sent, over the requests that were answered well,
// be it too late. The quantiles are right to 1 %, the longest is exact.
type Latency struct {
	P50Ms float64 `json:"p50Ms"`
	P99Ms float64 `json:"p99Ms"`
	MaxMs float64 `json:"maxMs"`
}

const (
	// Each class is 2 % wider than the one below; the first ends at a hundredth of a millisecond, the last beyond a
	// minute, the longest time that a request may have.
	classRatio = 1.02
	firstClass = 10 * time.Microsecond
	classes    = 800
)

// latencies counts times in classes: its size does not grow with a load.
type latencies struct {
	count   [classes]uint32
	number  int
	longest time.Duration
}

func (l *latencies) add(d time.Duration) {
	class := 0
	if d > firstClass {
		class = min(1+int(math.Log(float64(d)/float64(firstClass))/math.Log(classRatio)), classes-1)
	}
	l.count[class]++
	l.number++
	l.longest = max(l.longest, d)
}

func (l *latencies) read() *Latency {
	if l.number == 0 {
		return nil
	}
	return &Latency{P50Ms: l.quantile(0.50), P99Ms: l.quantile(0.99), MaxMs: inMs(l.longest)}
}

// quantile is the middle of the class that holds the request of that rank, in milliseconds.
func (l *latencies) quantile(share float64) float64 {
	rank, seen := int(math.Ceil(share*float64(l.number))), 0
	for class, number := range l.count {
		if seen += int(number); seen >= rank {
			middle := float64(firstClass) * math.Pow(classRatio, float64(class)-0.5)
			// In whole microseconds, never above the longest.
			return math.Floor(min(middle, float64(l.longest))/1e3) / 1e3
		}
	}
	return inMs(l.longest)
}
