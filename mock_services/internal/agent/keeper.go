// Package agent keeps a certificate fresh in a folder, for a service that knows nothing of Vault.
package agent

import (
	"context"
	"errors"
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
	// Without a certificate the service stands still, so tries come often; with one there is time.
	pauseWithout, pauseWith = 2 * time.Second, 30 * time.Second
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
}

// Keeper decides when to renew. It is asked every second and goes by the time of day that it is told, so that a machine
// which slept through the moment renews at once when it wakes.
type Keeper struct {
	Issue Issue
	Log   *slog.Logger
	// Random returns a number in [0, 1).
	Random func() float64
	// Remember keeps what is known of the certificate in force, over a restart of the container.
	Remember func(record Record)

	mu       sync.Mutex
	held     *identity.Snapshot
	record   Record
	renewAt  time.Time
	rotateAt time.Time
	wanted   string
	nextTry  time.Time
	pause    time.Duration
	renewals int
	fault    string
}

// NewKeeper begins with what a former run left behind, or with nothing (nil).
func NewKeeper(issue Issue, log *slog.Logger, held *identity.Snapshot, record Record, now time.Time) *Keeper {
	k := &Keeper{Issue: issue, Log: log, Random: rand.Float64, Remember: func(Record) {}}
	if held != nil && held.Check(now) == nil {
		k.record = record
		k.hold(held, held.Leaf().NotBefore)
	}
	return k
}

// hold computes the time of renewal: within the life from `begun` to the certificate's end.
func (k *Keeper) hold(held *identity.Snapshot, begun time.Time) {
	end := held.Leaf().NotAfter
	if held.Leaf().NotBefore.After(begun) {
		begun = held.Leaf().NotBefore
	}
	share := earliest + k.Random()*(latest-earliest)
	k.held = held
	k.renewAt = begun.Add(time.Duration(share * float64(end.Sub(begun))))
}

// Policy hears the policy's generation. One that differs from the certificate's makes a renewal due, after a delay
// drawn from the spread. A certificate issued before any policy was seen adopts the first one it hears of.
func (k *Keeper) Policy(generation string, spread time.Duration, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation == k.wanted {
		return
	}
	k.wanted = generation
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
	due := k.due(now)
	record := Record{Generation: k.wanted}
	if k.wanted == "" {
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
	k.record, k.fault, k.pause, k.nextTry = record, "", 0, time.Time{}
	if k.wanted == record.Generation {
		k.rotateAt = time.Time{}
	}
	k.hold(held, now)
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
	return k.held == nil || !now.Before(k.renewAt) || (!k.rotateAt.IsZero() && !now.Before(k.rotateAt))
}

func (k *Keeper) failed(err error, now time.Time) {
	longest := pauseWith
	if k.held == nil || !now.Before(k.held.Leaf().NotAfter) {
		longest = pauseWithout
	} else if left := k.held.Leaf().NotAfter.Sub(now) / 10; left < longest {
		longest = max(left, firstPause)
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
	return k.held != nil && now.Before(k.held.Leaf().NotAfter)
}

// Status tells how it stands.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := Status{
		RenewAt: k.renewAt.UTC(), Renewals: k.renewals, Generation: k.record.Generation, LastError: k.fault,
	}
	if k.held != nil {
		status.Serial, status.NotAfter = k.held.Serial, k.held.Leaf().NotAfter.UTC()
	}
	return status
}
