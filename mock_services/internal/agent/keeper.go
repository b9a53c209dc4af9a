// Package agent keeps a certificate fresh in a folder, for a service that knows nothing of Vault.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"pov.dev/mock/internal/identity"
)

const (
	// A renewal falls at a point drawn between these shares of the certificate's life: before two thirds, and not
	// all agents in the same second.
	earliest, latest = 0.60, 0.66

	firstPause = time.Second / 2
	// Without a certificate the service stands still, so tries come often, at least until it is plain that whatever is
	// missing does not come by itself; with one there is time.
	pauseWithout, pauseWith = 2 * time.Second, 30 * time.Second
	patience                = 5 * time.Minute

	// A certificate of less than this share of the life that was asked for was cut.
	wholeLife = 0.9
)

// Issue obtains a certificate and puts it in place; it returns the set now in force.
type Issue func(ctx context.Context, record Record) (*identity.Snapshot, error)

// Status is what the agent tells about itself.
type Status struct {
	Serial     string    `json:"serial"`
	NotAfter   time.Time `json:"notAfter"`
	RenewAt    time.Time `json:"renewAt"`
	Renewals   int       `json:"renewals"`
	Generation string    `json:"generation"`
	LastError  string    `json:"lastError"`
	// NextTry is when the next try comes after one that failed, else null.
	NextTry *time.Time `json:"nextTry"`
	// Warning tells of a certificate that was cut short of what was asked for.
	Warning string `json:"warning"`
}

// Keeper decides when to renew. It is asked every second and goes by the time of day that it is told, so that a machine
// which slept through the moment renews at once when it wakes.
type Keeper struct {
	Issue Issue
	// TTL is the life that is asked for.
	TTL time.Duration
	Log *slog.Logger
	// Random returns a number in [0, 1).
	Random func() float64
	// Remember keeps what is known of the certificate in force, over a restart of the container.
	Remember func(record Record)

	mu       sync.Mutex
	held     *identity.Snapshot
	until    time.Time
	record   Record
	renewAt  time.Time
	rotateAt time.Time
	wanted   string
	nextTry  time.Time
	pause    time.Duration
	vain     time.Duration
	failing  time.Time
	renewals int
	fault    string
	warning  string
}

// NewKeeper begins with what a former run left behind, or with nothing (nil).
func NewKeeper(
	issue Issue, ttl time.Duration, log *slog.Logger, held *identity.Snapshot, record Record, now time.Time,
) *Keeper {
	k := &Keeper{Issue: issue, TTL: ttl, Log: log, Random: rand.Float64, Remember: func(Record) {}}
	if held != nil && held.Check(now) == nil {
		k.record = record
		k.hold(held, held.Leaf().NotBefore, now)
	}
	return k
}

// hold computes the time of renewal: within the life from `begun` to the certificate's end, or its issuer's. A renewal
// that gained no time (the issuer itself is at its end) is in vain: the pause after it doubles.
func (k *Keeper) hold(held *identity.Snapshot, begun, now time.Time) {
	end, err := held.Until(now)
	if err != nil {
		end = held.Leaf().NotAfter
	}
	if held.Leaf().NotBefore.After(begun) {
		begun = held.Leaf().NotBefore
	}
	if k.held == nil || end.After(k.until.Add(time.Second)) {
		k.vain = 0
	} else {
		k.vain = min(max(2*k.vain, firstPause), pauseWith)
	}
	k.held, k.until = held, end
	share := earliest + k.Random()*(latest-earliest)
	k.renewAt = begun.Add(time.Duration(share * float64(end.Sub(begun))))
	if soonest := now.Add(k.vain); k.vain > 0 && k.renewAt.Before(soonest) {
		k.renewAt = soonest
	}
	k.warning = ""
	if float64(end.Sub(held.Leaf().NotBefore)) < wholeLife*float64(k.TTL) {
		k.warning = fmt.Sprintf("good until %s alone, though %s were asked for: its issuer ends then, or its role allows no more",
			end.UTC().Format(time.RFC3339), k.TTL)
		k.Log.Warn("certificate cut short", "until", end, "ttl", k.TTL.String())
	}
}

// valid tells whether the certificate is in its time. The clock may have been set back since it was issued.
func (k *Keeper) valid(now time.Time) bool {
	return k.held != nil && !now.Before(k.held.Leaf().NotBefore) && now.Before(k.until)
}

// Policy hears the policy's generation. One that differs from the certificate's makes a renewal due, after a delay
// drawn from the spread. An empty one orders nothing, and takes back an order that was not yet carried out. A certificate issued before any policy was seen adopts the first one it hears of.
func (k *Keeper) Policy(generation string, spread time.Duration, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation == k.wanted {
		return
	}
	k.wanted = generation
	if generation == "" {
		k.rotateAt = time.Time{}
		return
	}
	if k.held == nil || (k.record.Generation == "" && now.Sub(k.held.Leaf().NotBefore) < time.Minute) {
		k.adopt()
		return
	}
	if generation == k.record.Generation {
		k.rotateAt = time.Time{}
		return
	}
	k.rotateAt = now.Add(time.Duration(k.Random() * float64(spread)))
	k.nextTry = time.Time{}
	k.Log.Info("rotation asked for", "generation", generation)
}

func (k *Keeper) adopt() {
	k.record.Generation = k.wanted
	if k.held != nil {
		k.Remember(k.record)
	}
}

// Tick renews if it is time. It returns whether it tried.
func (k *Keeper) Tick(ctx context.Context, now time.Time) bool {
	k.mu.Lock()
	due, wanted := k.due(now), k.wanted
	record := Record{Generation: wanted}
	if wanted == "" {
		record = k.record
	}
	k.mu.Unlock()
	if !due {
		return false
	}
	held, err := k.Issue(ctx, record)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			k.failed(err, now)
		}
		return true
	}
	k.renewals++
	k.record, k.fault, k.pause, k.nextTry, k.failing = record, "", 0, time.Time{}, time.Time{}
	if k.wanted == wanted {
		k.rotateAt = time.Time{} // else another order came while this one was carried out
	}
	k.hold(held, now, now)
	if record.Generation == "" && k.wanted != "" {
		k.adopt() // the policy was heard of while the certificate was on its way
	}
	k.Log.Info("certificate renewed", "serial", held.Serial, "notAfter", held.Leaf().NotAfter,
		"generation", record.Generation)
	return true
}

func (k *Keeper) due(now time.Time) bool {
	// A clock that was set back must not make the agent wait for its old time.
	if now.Before(k.nextTry) && k.nextTry.Sub(now) <= 2*pauseWith {
		return false
	}
	if k.held == nil || now.Before(k.held.Leaf().NotBefore) {
		return true
	}
	return !now.Before(k.renewAt) || (!k.rotateAt.IsZero() && !now.Before(k.rotateAt))
}

func (k *Keeper) failed(err error, now time.Time) {
	if k.failing.IsZero() || now.Before(k.failing) {
		k.failing = now
	}
	longest := pauseWith
	if k.valid(now) {
		longest = min(longest, max(k.until.Sub(now)/10, firstPause))
	} else if now.Sub(k.failing) < patience {
		longest = pauseWithout
	}
	k.pause = min(max(2*k.pause, firstPause), longest)
	k.nextTry = now.Add(k.pause + time.Duration(k.Random()*float64(k.pause)/4))
	if text := err.Error(); text != k.fault {
		k.fault = text
		k.Log.Warn("certificate not renewed", "error", text)
	}
}

// Ready tells whether a certificate in its time is in place.
func (k *Keeper) Ready(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.valid(now)
}

// Status tells how it stands.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := Status{
		RenewAt: k.renewAt.UTC(), Renewals: k.renewals, Generation: k.record.Generation, LastError: k.fault,
		Warning: k.warning,
	}
	if !k.nextTry.IsZero() {
		next := k.nextTry.UTC()
		status.NextTry = &next
	}
	if k.held != nil {
		status.Serial, status.NotAfter = k.held.Serial, k.held.Leaf().NotAfter.UTC()
	}
	return status
}
