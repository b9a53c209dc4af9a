package agent

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/testpki"
)

// bench is a keeper with a clock of its own and a Vault that can be down.
type bench struct {
	t      *testing.T
	ca     *testpki.CA
	now    time.Time
	life   time.Duration
	fault  error
	tries  int
	issued []Record
	keeper *Keeper
}

func newBench(t *testing.T, life time.Duration) *bench {
	b := &bench{t: t, ca: testpki.New(t, "root"), now: time.Now().Round(time.Second), life: life}
	b.keeper = NewKeeper(b.issue, slog.New(slog.DiscardHandler), nil, Record{}, b.now)
	return b
}

func (b *bench) make() *identity.Snapshot {
	dir := b.t.TempDir()
	// Vault dates certificates back by half a minute.
	certificate, key := b.ca.Issue(testpki.Wish{
		URIs: []string{"spiffe://pov.dev/ns/n/sa/a"}, From: b.now.Add(-30 * time.Second), Until: b.now.Add(b.life),
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
	b.issued = append(b.issued, record)
	return b.make(), nil
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
		b.keeper = NewKeeper(b.issue, slog.New(slog.DiscardHandler), held, Record{Generation: "7"}, b.now)
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
	b.keeper = NewKeeper(b.issue, slog.New(slog.DiscardHandler), held, Record{}, b.now)
	if b.keeper.Ready(b.now) {
		t.Error("ready with an expired certificate")
	}
	b.keeper.Tick(t.Context(), b.now)
	b.want(1)
}
