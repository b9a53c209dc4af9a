package identity

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"pov.dev/mock/internal/stamp"
)

// LookEvery is how often a folder is looked at: three calls of stat.
const LookEvery = 500 * time.Millisecond

// Store holds the snapshot in force and replaces it when the files change.
type Store struct {
	dir     string
	log     *slog.Logger
	seen    []stamp.Stamp
	current atomic.Pointer[Snapshot]
	told    string
}

// Open reads the folder if it can; a store may begin empty.
func Open(dir string, log *slog.Logger) *Store {
	s := &Store{dir: dir, log: log, seen: stamp.Of(paths(dir)...)}
	_ = s.reload()
	return s
}

// Current is the snapshot in force, or nil before the first.
func (s *Store) Current() *Snapshot { return s.current.Load() }

// Watch follows the files until ctx ends.
func (s *Store) Watch(ctx context.Context) {
	stamp.Watch(ctx, LookEvery, s.seen, paths(s.dir), s.reload)
}

// A set of files that does not fit together (a copy half done) leaves the old snapshot in force.
func (s *Store) reload() error {
	snapshot, err := Load(s.dir)
	if err != nil {
		if text := err.Error(); text != s.told {
			s.told = text
			s.log.Warn("certificate not loaded", "dir", s.dir, "error", text)
		}
		return err
	}
	s.told = ""
	s.current.Store(snapshot)
	s.log.Info("certificate loaded", "dir", s.dir, "serial", snapshot.Serial, "notAfter", snapshot.Leaf().NotAfter)
	return nil
}
