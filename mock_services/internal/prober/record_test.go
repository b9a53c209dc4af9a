package prober

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/client"
)

func recordOf(edges int) *record {
	return newRecord(time.Now(), make([]EdgeCount, edges))
}

func TestTextsOfErrorsAreBounded(t *testing.T) {
	r := recordOf(1)
	slot := r.begun.Add(time.Second)
	for i := range 100 {
		r.answered(slot, slot, 0, false, EdgeAnswer{Error: fmt.Sprint(i), kind: client.Hard}, true)
	}
	r.wasLate(slot, 0, true)
	r.wasUnsent(slot, 0, false)
	report := r.read(slot)
	edge := report.Edges[0]
	if len(edge.Errors) != maxTexts+1 || edge.Kept.Failed != 101 || edge.Fresh.Failed != 1 ||
		report.Late != 1 || report.Unsent != 1 {
		t.Errorf("%+v", report)
	}
	if edge.Kept.Hard != 100 || edge.Kept.Late != 1 || edge.Fresh.Late != 1 || edge.Fresh.Hard != 0 {
		t.Errorf("a slot that the prober lost is a late failure: %+v", edge)
	}
	if !strings.Contains(fmt.Sprint(edge.Errors), otherText) {
		t.Error("what was left out does not show")
	}
	r.answered(slot, slot, 0, true, EdgeAnswer{OK: true}, false)
	if report = r.read(slot); report.Edges[0].Fresh.Late != 2 || report.LateHandshakes != 2 || report.LateFailures != 3 {
		t.Errorf("an answer after its time is a good one, or a hard failure: %+v", report)
	}
}

func TestARequestBelongsToThePhaseOfItsSlot(t *testing.T) {
	r := recordOf(2)
	before := time.Now()
	if err := r.begin("operation"); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	good := EdgeAnswer{OK: true, Serial: "01"}
	// Asked for before the phase began, answered in it.
	r.answered(before, after.Add(time.Second), 0, false, good, true)
	r.answered(after, after.Add(2*time.Second), 1, true, good, true)
	r.answered(after, after, 1, false, EdgeAnswer{Error: "broken", kind: client.Hard}, true)
	r.wasLate(before, 1, true)
	report := r.read(after.Add(time.Minute))
	warm, operation := report.Phases[0], report.Phases[1]
	if warm.Requests != 2 || warm.Late != 1 || warm.LateHandshakes != 1 || warm.Hard != 0 || warm.Name != firstPhase {
		t.Errorf("%+v", warm)
	}
	if operation.Requests != 2 || operation.Hard != 1 || operation.Handshakes != 1 || operation.HardHandshakes != 0 {
		t.Errorf("%+v", operation)
	}
	if warm.FromMs != 0 || warm.ToMs != operation.FromMs || operation.ToMs <= 60_000 {
		t.Errorf("%g to %g, %g to %g", warm.FromMs, warm.ToMs, operation.FromMs, operation.ToMs)
	}
	if operation.Latency.MaxMs != 2000 || operation.Latency.P50Ms < 1980 || operation.Latency.P50Ms > 2000 {
		t.Errorf("an answer that tells of a failure has no latency: %+v", operation.Latency)
	}
	if report.Requests != 4 || report.Hard != 1 || report.LateFailures != 1 || report.FailedRequests != 2 ||
		report.Edges[1].Kept.Requests != 1 || report.Edges[1].Fresh.Requests != 2 {
		t.Errorf("the whole is not the sum of its phases: %+v", report)
	}
	want := []Failure{{1, false, client.Hard, "broken", 0, 0}, {1, true, client.Late, "late: the prober was behind its schedule", 0, 0}}
	for i := range report.Failures {
		report.Failures[i].FromMs, report.Failures[i].ToMs = 0, 0
	}
	if !reflect.DeepEqual(report.Failures, want) {
		t.Errorf("%+v", report.Failures)
	}
}

func TestFailuresAreBoundedAndTimed(t *testing.T) {
	r := recordOf(1)
	for i := range maxFailures + 1 {
		slot := r.begun.Add(time.Duration(i) * time.Millisecond)
		r.answered(slot, slot.Add(time.Second/2), 0, false, EdgeAnswer{Error: "x", kind: client.Late}, true)
		if report := r.read(slot); i+1 == maxFailures && report.FailuresCut {
			t.Error("nothing is left out yet")
		}
	}
	report := r.read(time.Now())
	if len(report.Failures) != maxFailures || !report.FailuresCut || report.LateFailures != maxFailures+1 {
		t.Errorf("%d failures of %d, cut %v", len(report.Failures), report.LateFailures, report.FailuresCut)
	}
	if last := report.Failures[maxFailures-1]; last.FromMs != maxFailures-1 || last.ToMs != last.FromMs+500 {
		t.Errorf("%+v", last)
	}
}

func TestQuantilesAreRightToOnePercent(t *testing.T) {
	var l latencies
	if l.read() != nil {
		t.Error("a latency of nothing")
	}
	for i := 1; i <= 10_000; i++ {
		l.add(time.Duration(i) * 100 * time.Microsecond)
	}
	got := *l.read()
	for _, each := range [][2]float64{{got.P50Ms, 500}, {got.P99Ms, 990}} {
		if ratio := each[0] / each[1]; ratio < 0.99 || ratio > 1.0101 {
			t.Errorf("%g, want %g", each[0], each[1])
		}
	}
	if got.MaxMs != 1000 {
		t.Errorf("%+v", got)
	}
	for _, each := range []time.Duration{0, time.Microsecond, 4483511, time.Hour} {
		l = latencies{}
		l.add(each)
		if got := l.read(); got.P50Ms > got.P99Ms || got.P99Ms > got.MaxMs {
			t.Errorf("%s: %+v", each, got)
		}
	}
}
