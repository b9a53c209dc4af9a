package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/testpki"
)

// bench is a keeper with a clock of its own and a Vault that can be down.
type bench struct {
	t    *testing.T
	ca   *testpki.CA
	now  time.Time
	life time.Duration
	// end is when the issuer's own certificate ends, if it does.
	end    time.Time
	fault  error
	tries  int
	issued []Record
	keeper *Keeper
}

func newBench(t *testing.T, life time.Duration) *bench {
	b := &bench{t: t, ca: testpki.New(t, "root"), now: time.Now().Round(time.Second), life: life}
	b.keeper = NewKeeper(b.issue, b.life, slog.New(slog.DiscardHandler), nil, Record{}, b.now)
	return b
}

func (b *bench) make() *identity.Snapshot {
	dir := b.t.TempDir()
	until := b.now.Add(b.life)
	if !b.end.IsZero() && b.end.Before(until) {
		until = b.end
	}
	// Vault dates certificates back by half a minute.
	certificate, key := b.ca.Issue(testpki.Wish{
		URIs: []string{"spiffe://pov.dev/ns/n/sa/a"}, From: b.now.Add(-30 * time.Second), Until: until,
	})
	testpki.Put(b.t, dir, certificate, key, b.ca)
	snapshot, err := identity.Load(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return snapshot
}

func (b *bench) issue(_ context.Context, record Record) (*identity.Snapshot, error) {
	b.tries++
	if b.fault != nil {
		return nil, b.fault
	}
	snapshot := b.make()
	if err := usable(snapshot, b.now); err != nil {
		return nil, err
	}
	b.issued = append(b.issued, record)
	return snapshot, nil
}

// pass lets seconds pass one by one, as the agent's ticker does.
func (b *bench) pass(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(time.Second)
		b.keeper.Tick(b.t.Context(), b.now)
	}
}

func (b *bench) want(issued int) {
	b.t.Helper()
	if len(b.issued) != issued {
		b.t.Errorf("%d certificates, want %d", len(b.issued), issued)
	}
}

func TestRenewsBeforeTwoThirdsOfItsLife(t *testing.T) {
	for _, random := range []float64{0, 0.999} {
		for _, life := range []time.Duration{100 * time.Second, 10 * time.Minute, 24 * time.Hour} {
			b := newBench(t, life)
			b.keeper.Random = func() float64 { return random }
			b.keeper.Tick(t.Context(), b.now)
			b.want(1)
			b.pass(life * 59 / 100)
			b.want(1)
			b.pass(life*67/100 - life*59/100)
			b.want(2)
		}
	}
}

func TestAMachineThatSleptRenewsAtOnce(t *testing.T) {
	b := newBench(t, 24*time.Hour)
	b.keeper.Tick(t.Context(), b.now)
	b.now = b.now.Add(20 * time.Hour)
	if !b.keeper.Tick(t.Context(), b.now) {
		t.Error("did not look at the time of day")
	}
	b.want(2)
	b.now = b.now.Add(7 * 24 * time.Hour)
	if b.keeper.Ready(b.now) {
		t.Error("ready with a certificate that has run out")
	}
	b.keeper.Tick(t.Context(), b.now)
	b.want(3)
	if !b.keeper.Ready(b.now) {
		t.Error("not ready after the renewal")
	}
}

func TestGoesOnWhileVaultIsDown(t *testing.T) {
	b := newBench(t, time.Hour)
	b.keeper.Tick(t.Context(), b.now)
	b.fault = errors.New("connection refused")
	b.pass(50 * time.Minute)
	b.want(1)
	if got := b.keeper.Status(); got.LastError != "connection refused" || !b.keeper.Ready(b.now) {
		t.Errorf("%+v", got)
	}
	if b.tries < 20 || b.tries > 200 {
		t.Errorf("%d tries in a quarter of an hour", b.tries)
	}
	b.fault = nil
	b.pass(40 * time.Second)
	b.want(2)
	if got := b.keeper.Status(); got.LastError != "" || got.Renewals != 2 {
		t.Errorf("%+v", got)
	}
}

func TestWithoutACertificateTriesComeOften(t *testing.T) {
	b := newBench(t, time.Hour)
	b.fault = errors.New("not yet")
	b.pass(time.Minute)
	if b.tries < 15 {
		t.Errorf("%d tries in a minute", b.tries)
	}
	// The clock was an hour fast and is set right.
	b.now = b.now.Add(-time.Hour)
	b.fault = nil
	b.pass(3 * time.Second)
	b.want(1)
}

func TestANewGenerationRotates(t *testing.T) {
	b := newBench(t, 24*time.Hour)
	var kept Record
	b.keeper.Remember = func(record Record) { kept = record }
	b.keeper.Tick(t.Context(), b.now)
	b.keeper.Policy("1", 0, b.now)
	b.pass(5 * time.Second)
	b.want(1)
	if kept.Generation != "1" {
		t.Errorf("the first generation was not adopted: %+v", kept)
	}
	b.keeper.Policy("2", 0, b.now)
	b.pass(time.Second)
	b.want(2)
	b.keeper.Policy("2", 0, b.now)
	b.pass(time.Minute)
	b.want(2)
	if got := b.issued[1].Generation; got != "2" {
		t.Errorf("remembered %q", got)
	}
}

func TestASpreadDelaysTheRotation(t *testing.T) {
	b := newBench(t, 24*time.Hour)
	b.keeper.Random = func() float64 { return 0.5 }
	b.keeper.Policy("1", 0, b.now)
	b.keeper.Tick(t.Context(), b.now)
	b.keeper.Policy("2", time.Minute, b.now)
	b.pass(29 * time.Second)
	b.want(1)
	b.pass(2 * time.Second)
	b.want(2)
}

func TestARotationOutlivesAVaultThatIsDown(t *testing.T) {
	b := newBench(t, 24*time.Hour)
	b.keeper.Policy("1", 0, b.now)
	b.keeper.Tick(t.Context(), b.now)
	b.fault = errors.New("sealed")
	b.keeper.Policy("2", 0, b.now)
	b.pass(5 * time.Minute)
	b.fault = nil
	b.pass(40 * time.Second)
	b.want(2)
	b.pass(10 * time.Minute)
	b.want(2)
}

func TestAGenerationTakenBackRotatesNothing(t *testing.T) {
	b := newBench(t, 24*time.Hour)
	b.keeper.Policy("1", 0, b.now)
	b.keeper.Tick(t.Context(), b.now)
	b.keeper.Policy("2", time.Hour, b.now)
	b.keeper.Policy("1", time.Hour, b.now)
	b.pass(2 * time.Hour)
	b.want(1)
}

func TestARestartKeepsTheCertificateAndLearnsWhatItMissed(t *testing.T) {
	for generation, want := range map[string]int{"7": 0, "8": 1} {
		b := newBench(t, 24*time.Hour)
		held := b.make()
		b.now = b.now.Add(10 * time.Minute)
		b.keeper = NewKeeper(b.issue, b.life, slog.New(slog.DiscardHandler), held, Record{Generation: "7"}, b.now)
		b.pass(5 * time.Second)
		b.want(0)
		b.keeper.Policy(generation, 0, b.now)
		b.pass(5 * time.Second)
		b.want(want)
	}
}

func TestARestartWithAnExpiredCertificateAsksForANewOne(t *testing.T) {
	b := newBench(t, time.Minute)
	held := b.make()
	b.now = b.now.Add(time.Hour)
	b.keeper = NewKeeper(b.issue, b.life, slog.New(slog.DiscardHandler), held, Record{}, b.now)
	if b.keeper.Ready(b.now) {
		t.Error("ready with an expired certificate")
	}
	b.keeper.Tick(t.Context(), b.now)
	b.want(1)
}

func TestAnEmptiedGenerationOrdersNothing(t *testing.T) {
	for name, each := range map[string]struct {
		orders []string
		spread time.Duration
		want   int
	}{
		"emptied after a rotation":       {[]string{"1", "2", ""}, 0, 2},
		"emptied and set back":           {[]string{"1", "2", "", "2"}, 0, 2},
		"emptied and set anew":           {[]string{"1", "2", "", "3"}, 0, 3},
		"emptied before it was followed": {[]string{"1", "2", ""}, time.Hour, 1},
		"never set":                      {[]string{""}, 0, 1},
		"set later":                      {[]string{"", "1"}, 0, 1},
	} {
		b := newBench(t, 24*time.Hour)
		b.keeper.Random = func() float64 { return 0.5 }
		b.keeper.Tick(t.Context(), b.now)
		for _, generation := range each.orders {
			b.keeper.Policy(generation, each.spread, b.now)
			b.pass(10 * time.Second)
		}
		b.pass(2 * time.Hour)
		if len(b.issued) != each.want {
			t.Errorf("%s: %d certificates, want %d", name, len(b.issued), each.want)
		}
	}
}

func TestACertificateThatIsNotYetValidIsNotReady(t *testing.T) {
	b := newBench(t, time.Hour)
	b.keeper.Tick(t.Context(), b.now)
	// The clock was an hour fast when the certificate came, and is set right.
	b.now = b.now.Add(-time.Hour)
	if b.keeper.Ready(b.now) {
		t.Error("ready with a certificate that is not yet valid")
	}
	b.keeper.Tick(t.Context(), b.now)
	b.want(2)
	if !b.keeper.Ready(b.now) {
		t.Error("not ready after the renewal")
	}
}

func TestAnIssuerAtItsEndIsNotAskedWithoutEnd(t *testing.T) {
	b := newBench(t, time.Hour)
	b.end = b.now.Add(3 * time.Hour)
	b.keeper.Tick(t.Context(), b.now)
	if got := b.keeper.Status().Warning; got != "" {
		t.Error(got)
	}
	b.pass(3*time.Hour - time.Second)
	// Each renewal leaves two fifths of what was left: four in the last hour down to a minute or two, then ever slower.
	if b.tries < 4 || b.tries > 20 {
		t.Errorf("%d tries until the issuer ended", b.tries)
	}
	if got := b.keeper.Status().Warning; !strings.Contains(got, "1h0m0s were asked for") {
		t.Errorf("%q", got)
	}
	before := b.tries
	b.pass(time.Hour)
	if got := b.keeper.Status(); b.keeper.Ready(b.now) || !strings.Contains(got.LastError, "run out already") ||
		got.NextTry == nil || got.NextTry.Sub(b.now) > 40*time.Second {
		t.Errorf("%+v", got)
	}
	// Five minutes of a try each two seconds or so, then one each half minute.
	if tries := b.tries - before; tries < 100 || tries > 300 {
		t.Errorf("%d tries in the hour after", tries)
	}
	b.end = b.now.Add(30 * 24 * time.Hour)
	b.pass(40 * time.Second)
	if got := b.keeper.Status(); !b.keeper.Ready(b.now) || got.Warning != "" || got.LastError != "" || got.NextTry != nil {
		t.Errorf("%+v", got)
	}
	issued := len(b.issued)
	b.pass(30 * time.Minute)
	b.want(issued)
}

func TestARoleThatAllowsLessIsToldAndRenewedInTime(t *testing.T) {
	b := newBench(t, 10*time.Minute)
	b.keeper.TTL = time.Hour
	b.keeper.Tick(t.Context(), b.now)
	for range 3600 {
		b.pass(time.Second)
		if !b.keeper.Ready(b.now) {
			t.Fatal("a certificate ran out")
		}
	}
	if len(b.issued) < 9 || len(b.issued) > 12 {
		t.Errorf("%d certificates in an hour", len(b.issued))
	}
	if b.keeper.Status().Warning == "" {
		t.Error("nothing is told")
	}
}
