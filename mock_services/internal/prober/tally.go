package prober

import (
	"maps"
	"slices"

	"pov.dev/mock/internal/client"
)

const (
	maxTexts   = 20
	maxSerials = 100
	otherText  = "other errors"
)

// Count is of one schedule: every slot is a request, whether it was sent or not. Failed is Hard and Late together.
type Count struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	Hard     int `json:"hard"`
	Late     int `json:"late"`
	// Reconnects are kept requests that had to open a connection; it is 0 for new connections, where all do.
	Reconnects int `json:"reconnects"`
}

func (c *Count) add(other Count) {
	c.Requests += other.Requests
	c.Failed += other.Failed
	c.Hard += other.Hard
	c.Late += other.Late
	c.Reconnects += other.Reconnects
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

// empty is a count of the same edge with nothing in it.
func (e *EdgeCount) empty() EdgeCount {
	return EdgeCount{
		Estate: e.Estate, Source: e.Source, Target: e.Target, Errors: map[string]int{}, Serials: []string{},
	}
}

func (e *EdgeCount) of(fresh bool) *Count {
	if fresh {
		return &e.Fresh
	}
	return &e.Kept
}

func (e *EdgeCount) fail(fresh bool, kind, cause string, number int) {
	count := e.of(fresh)
	count.Failed += number
	if kind == client.Late {
		count.Late += number
	} else {
		count.Hard += number
	}
	e.note(cause, number)
}

// note counts a text. There are few different ones, or else what is beyond the limit is told as one.
func (e *EdgeCount) note(text string, number int) {
	if _, known := e.Errors[text]; !known && len(e.Errors) >= maxTexts {
		text = otherText
	}
	e.Errors[text] += number
}

func (e *EdgeCount) saw(serial string) {
	if serial != "" && !slices.Contains(e.Serials, serial) && len(e.Serials) < maxSerials {
		e.Serials = append(e.Serials, serial)
	}
}

// add sums up counts of the same edge.
func (e *EdgeCount) add(other EdgeCount) {
	e.Kept.add(other.Kept)
	e.Fresh.add(other.Fresh)
	for _, text := range slices.Sorted(maps.Keys(other.Errors)) {
		e.note(text, other.Errors[text])
	}
	for _, serial := range other.Serials {
		e.saw(serial)
	}
}

// Totals are sums over edges.
type Totals struct {
	Requests       int `json:"requests"`
	Hard           int `json:"hard"`
	Handshakes     int `json:"handshakes"`
	HardHandshakes int `json:"hardHandshakes"`
	LateHandshakes int `json:"lateHandshakes"`
}

// totals sums up, and tells how many requests failed late.
func totals(edges []EdgeCount) (sum Totals, late int) {
	for _, edge := range edges {
		sum.Requests += edge.Kept.Requests + edge.Fresh.Requests
		sum.Hard += edge.Kept.Hard + edge.Fresh.Hard
		sum.Handshakes += edge.Fresh.Requests
		sum.HardHandshakes += edge.Fresh.Hard
		sum.LateHandshakes += edge.Fresh.Late
		late += edge.Kept.Late + edge.Fresh.Late
	}
	return sum, late
}
