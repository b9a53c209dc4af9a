package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"sync"
	"time"
)

// Peers are few; whoever shows ever new chains does not fill the memory.
const maxJudged = 256

// span is the time in which every certificate of a chain is in its own.
type span struct{ from, until time.Time }

func (s span) holds(now time.Time) bool { return !now.Before(s.from) && !now.After(s.until) }

// judged remembers which chains were found good by a snapshot's roots. Of all that a chain is judged by, the exact
// certificates, the use and the roots, only the time changes: so signatures are checked once, the time at each handshake.
// That the peer holds the key is proved anew at each handshake and has nothing to do with this.
type judged struct {
	mu   sync.Mutex
	good map[[sha256.Size]byte]span
}

// trusts judges a peer's chain at a moment.
func (s *Snapshot) trusts(chain []*x509.Certificate, now time.Time, use x509.ExtKeyUsage) error {
	key := fingerprint(chain, use)
	s.judged.mu.Lock()
	known, ok := s.judged.good[key]
	s.judged.mu.Unlock()
	if ok && known.holds(now) {
		return nil
	}
	ways, err := s.verify(chain, now, use)
	if err != nil {
		return err
	}
	s.judged.mu.Lock()
	defer s.judged.mu.Unlock()
	if s.judged.good == nil || len(s.judged.good) >= maxJudged {
		s.judged.good = map[[sha256.Size]byte]span{}
	}
	s.judged.good[key] = spanOf(ways[0])
	return nil
}

func fingerprint(chain []*x509.Certificate, use x509.ExtKeyUsage) (sum [sha256.Size]byte) {
	hash := sha256.New()
	_ = binary.Write(hash, binary.BigEndian, int64(use))
	for _, certificate := range chain {
		_ = binary.Write(hash, binary.BigEndian, int64(len(certificate.Raw)))
		_, _ = hash.Write(certificate.Raw)
	}
	hash.Sum(sum[:0])
	return sum
}

func spanOf(chain []*x509.Certificate) span {
	s := span{chain[0].NotBefore, chain[0].NotAfter}
	for _, certificate := range chain[1:] {
		if certificate.NotBefore.After(s.from) {
			s.from = certificate.NotBefore
		}
		if certificate.NotAfter.Before(s.until) {
			s.until = certificate.NotAfter
		}
	}
	return s
}
