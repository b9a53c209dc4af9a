package prober

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Node is how busy the whole machine was over a load's window: the share of the time in which some task waited for a
// processor, for input and output, for memory; and the share of processor time that the hypervisor gave to others. What
// the kernel does not tell is null. In a pod, too, /proc is of the machine (of the virtual one behind Docker Desktop).
type Node struct {
	CPUPressure    *float64 `json:"cpuPressure"`
	IOPressure     *float64 `json:"ioPressure"`
	MemoryPressure *float64 `json:"memoryPressure"`
	Steal          *float64 `json:"steal"`
}

// reading is one look at /proc. Pressures are in microseconds since the machine started, or missing.
type reading struct {
	at       time.Time
	pressure map[string]float64
	steal    float64
	ticks    float64
}

var pressures = []string{"cpu", "io", "memory"}

func readNode(proc string) reading {
	r := reading{at: time.Now(), pressure: map[string]float64{}}
	for _, what := range pressures {
		raw, err := os.ReadFile(filepath.Join(proc, "pressure", what))
		if err != nil {
			continue
		}
		if total, ok := someTotal(string(raw)); ok {
			r.pressure[what] = total
		}
	}
	if raw, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil {
		r.steal, r.ticks = processorTicks(string(raw))
	}
	return r
}

// someTotal reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`.
func someTotal(text string) (float64, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "some" {
			continue
		}
		for _, field := range fields[1:] {
			if number, found := strings.CutPrefix(field, "total="); found {
				total, err := strconv.ParseFloat(number, 64)
				return total, err == nil
			}
		}
	}
	return 0, false
}

// processorTicks reads `cpu user nice system idle iowait irq softirq steal guest guestNice`; guests' time is in user's.
func processorTicks(text string) (steal, all float64) {
	first, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, field := range fields[1:9] {
		number, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0
		}
		if all += number; i == 7 {
			steal = number
		}
	}
	return steal, all
}

// between are the shares of the time from one reading to a later one.
func between(before, after reading) Node {
	share := func(what string) *float64 {
		from, known := before.pressure[what]
		to, still := after.pressure[what]
		window := float64(after.at.Sub(before.at).Microseconds())
		if !known || !still || window <= 0 {
			return nil
		}
		return bounded((to - from) / window)
	}
	node := Node{CPUPressure: share("cpu"), IOPressure: share("io"), MemoryPressure: share("memory")}
	if before.ticks > 0 && after.ticks > before.ticks {
		node.Steal = bounded((after.steal - before.steal) / (after.ticks - before.ticks))
	}
	return node
}

// bounded keeps a share in 0 to 1: the clocks of kernel and process are not read at the same moment.
func bounded(share float64) *float64 {
	share = min(max(share, 0), 1)
	return &share
}
