package service

import (
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"time"
)

type trustKey struct{}

// judged is the set of roots by which a connection's peer was last found good. Requests of one HTTP/1.1 connection
// come one after the other, so it needs no lock.
type judged struct{ trust [sha256.Size]byte }

func withTrust(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, trustKey{}, &judged{})
}

// mayStay tells whether a kept connection may go on after this answer. One made under roots that are gone, or whose
// certificate has run out, is closed with the answer, so that the peer has to show what it holds now.
func (s *Service) mayStay(r *http.Request) bool {
	if s.draining.Load() {
		return false
	}
	snapshot := s.store.Current()
	connection, ok := r.Context().Value(trustKey{}).(*judged)
	if snapshot == nil || !ok {
		return false
	}
	now := time.Now()
	if connection.trust == snapshot.Trust && now.Before(r.TLS.PeerCertificates[0].NotAfter) {
		return true
	}
	if !snapshot.TrustsClient(r.TLS.PeerCertificates, now) {
		return false
	}
	connection.trust = snapshot.Trust
	return true
}
