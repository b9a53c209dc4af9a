package client

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"syscall"
	"time"

	"pov.dev/mock/internal/identity"
)

// Shorter than the server's own limit: whoever sends closes first, else a request could meet a closing connection.
const keepIdle = 90 * time.Second

type conn struct {
	raw     *net.TCPConn
	tls     *tls.Conn
	reader  *bufio.Reader
	leaf    *x509.Certificate
	own     *x509.Certificate
	trust   [sha256.Size]byte
	address string
	idle    time.Time
}

// usable tells whether an idle connection may carry one more request: not closed by the server, made under the roots
// in force, and neither certificate out of its time.
func (c *conn) usable(snapshot *identity.Snapshot, now time.Time) bool {
	return now.Sub(c.idle) < keepIdle && c.trust == snapshot.Trust &&
		now.Before(c.leaf.NotAfter) && now.Before(c.own.NotAfter) && c.quiet()
}

// quiet looks into the socket without waiting: nothing to read means open; an end or an alert means closed.
func (c *conn) quiet() bool {
	access, err := c.raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = access.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
		return true
	})
	return err == nil && quiet
}

// exchange sends one request; `header` is whole lines, or empty.
func (c *conn) exchange(path string, fresh bool, header string) (*http.Response, error) {
	text := "GET " + path + " HTTP/1.1\r\nHost: " + c.address + "\r\n" + header
	if fresh {
		text += "Connection: close\r\n"
	}
	if _, err := c.tls.Write([]byte(text + "\r\n")); err != nil {
		return nil, &Fault{"send", err}
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, &Fault{"answer", err}
	}
	return answer, nil
}

// close says good-bye to the peer, but waits for nobody.
func (c *conn) close() {
	_ = c.tls.SetDeadline(time.Now().Add(100 * time.Millisecond))
	_ = c.tls.Close()
}
