package prober

import (
	"slices"
	"sync"
)

const (
	maxTexts   = 20
	maxSerials = 100
	otherText  = "other errors"
)

// Count is of one schedule: every slot is a request, whether it was sent or not.
type Count struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Reconnects are kept requests that had to open a connection; it is 0 for new connections, where all do.
	Reconnects int `json:"reconnects"`
}

// EdgeCount is what was seen on one edge.
type EdgeCount struct {
	Estate  string         `json:"estate"`
	Source  string         `json:"source"`
	Target  string         `json:"target"`
	Kept    Count          `json:"kept"`
	Fresh   Count          `json:"fresh"`
	Errors  map[string]int `json:"errors"`
	Serials []string       `json:"serials"`
}

// tally counts one edge.
type tally struct {
	mu     sync.Mutex
	count  EdgeCount
	late   int
	unsent int
}

func (t *tally) of(fresh bool) *Count {
	if fresh {
		return &t.count.Fresh
	}
	return &t.count.Kept
}

// answered counts a request that was sent. One that came too late is failed, whatever it says.
func (t *tally) answered(fresh bool, answer EdgeAnswer, inTime bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := t.of(fresh)
	count.Requests++
	if answer.handshake && !fresh {
		count.Reconnects++
	}
	if answer.Serial != "" && !slices.Contains(t.count.Serials, answer.Serial) && len(t.count.Serials) < maxSerials {
		t.count.Serials = append(t.count.Serials, answer.Serial)
	}
	switch {
	case !answer.OK:
		t.fail(count, answer.Error)
	case !inTime:
		t.fail(count, "answered after its time")
	}
}

func (t *tally) wasLate(fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late++
	t.of(fresh).Requests++
	t.fail(t.of(fresh), "late: the prober was behind its schedule")
}

func (t *tally) wasUnsent(fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unsent++
	t.of(fresh).Requests++
	t.fail(t.of(fresh), "unsent: too many requests under way")
}

func (t *tally) fail(count *Count, text string) {
	count.Failed++
	if _, known := t.count.Errors[text]; !known && len(t.count.Errors) >= maxTexts {
		text = otherText
	}
	t.count.Errors[text]++
}

// read copies the counts.
func (t *tally) read() (count EdgeCount, late, unsent int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count = t.count
	count.Serials = append([]string{}, t.count.Serials...)
	count.Errors = make(map[string]int, len(t.count.Errors))
	for text, number := range t.count.Errors {
		count.Errors[text] = number
	}
	return count, t.late, t.unsent
}
