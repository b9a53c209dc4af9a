// Package client sends requests over mutual TLS, on kept or on new connections, and tells which it was.
//
// It is not net/http's client, because that one sends a request again by itself when a kept connection turns out to
// be closed. What is measured here is whether requests fail, so each is sent once.
package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"pov.dev/mock/internal/identity"
)

const (
	maxIdle   = 8
	maxAnswer = 16 << 20
)

// Answer is what came back, and over what.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte
	Handshake bool
	// Closing tells that the peer ends the connection with this answer.
	Closing bool
	Leaf    *x509.Certificate
}

// Serial is the serial number that the peer showed when this connection was made.
func (a Answer) Serial() string {
	if a.Leaf == nil {
		return ""
	}
	return identity.Serial(a.Leaf.SerialNumber)
}

// Client keeps idle connections by address and peer. Its certificate and roots are those in force at each handshake.
type Client struct {
	store    *identity.Store
	resolver Resolver
	mu       sync.Mutex
	idle     map[string][]*conn
	swept    time.Time
}

// New makes a client that shows the store's certificate.
func New(store *identity.Store) *Client {
	return &Client{store: store, idle: map[string][]*conn{}, swept: time.Now()}
}

// Get asks a peer once, until ctx's deadline. A fresh request opens a connection of its own and closes it.
// Any status is an answer; an error is a `Fault`.
func (c *Client) Get(ctx context.Context, address, peer, path string, fresh bool) (Answer, error) {
	return c.get(ctx, address, peer, path, fresh, "")
}

// Present asks as Get does, on a connection of its own, and presents a credential. One that could not be a header's value
// is a fault, and is not sent.
func (c *Client) Present(ctx context.Context, address, peer, path, credential string) (Answer, error) {
	if credential == "" || strings.ContainsFunc(credential, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Answer{}, &Fault{"send", errors.New("no credential that can be sent")}
	}
	return c.get(ctx, address, peer, path, true, "Authorization: Bearer "+credential+"\r\n")
}

func (c *Client) get(ctx context.Context, address, peer, path string, fresh bool, header string) (Answer, error) {
	snapshot := c.store.Current()
	if snapshot == nil {
		return Answer{}, &Fault{"certificate", errors.New("none yet")}
	}
	key := address + " " + peer
	var connection *conn
	if !fresh {
		connection = c.take(key, snapshot)
	}
	answer := Answer{Handshake: connection == nil}
	deadline, ok := ctx.Deadline()
	if !ok {
		return answer, &Fault{"send", errors.New("a request needs a deadline")}
	}
	if connection == nil {
		var err error
		if connection, err = c.dial(ctx, address, peer, snapshot); err != nil {
			return answer, err
		}
	} else {
		_ = connection.tls.SetDeadline(deadline)
	}
	answer.Leaf = connection.leaf
	response, err := connection.exchange(path, fresh, header)
	if err != nil {
		connection.close()
		return answer, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("answer is too long")
	}
	if err != nil {
		connection.close()
		return answer, &Fault{"answer", err}
	}
	if fresh || response.Close || connection.reader.Buffered() > 0 {
		connection.close()
	} else {
		c.keep(key, connection)
	}
	answer.Status, answer.Header, answer.Body = response.StatusCode, response.Header, body
	answer.Closing = response.Close
	return answer, nil
}

func (c *Client) dial(ctx context.Context, address, peer string, snapshot *identity.Snapshot) (*conn, error) {
	target, err := c.resolver.address(ctx, address)
	if err != nil {
		return nil, &Fault{"resolve", err}
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	if err != nil {
		c.resolver.forget(address)
		return nil, &Fault{"connect", err}
	}
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline)
	secured := tls.Client(raw, snapshot.ClientConfig(peer))
	if err := secured.Handshake(); err != nil {
		_ = raw.Close()
		return nil, &Fault{"handshake", err}
	}
	return &conn{
		raw: raw.(*net.TCPConn), tls: secured, reader: bufio.NewReaderSize(secured, 2048), address: address,
		leaf: secured.ConnectionState().PeerCertificates[0], own: snapshot.Leaf(), trust: snapshot.Trust,
	}, nil
}

// take gives the connection used last: the others grow old and are closed, instead of all being kept half awake.
func (c *Client) take(key string, snapshot *identity.Snapshot) *conn {
	now := time.Now()
	for {
		c.mu.Lock()
		list := c.idle[key]
		if len(list) == 0 {
			c.mu.Unlock()
			return nil
		}
		connection := list[len(list)-1]
		c.idle[key] = list[:len(list)-1]
		c.mu.Unlock()
		if connection.usable(snapshot, now) {
			return connection
		}
		connection.close()
	}
}

func (c *Client) keep(key string, connection *conn) {
	now := time.Now()
	connection.idle = now
	_ = connection.tls.SetDeadline(time.Time{})
	var old []*conn
	c.mu.Lock()
	list := append(c.idle[key], connection)
	if len(list) > maxIdle {
		old, list = append(old, list[0]), append([]*conn(nil), list[1:]...)
	}
	c.idle[key] = list
	if now.Sub(c.swept) > keepIdle/3 {
		c.swept = now
		old = append(old, c.sweep(now)...)
	}
	c.mu.Unlock()
	for _, connection := range old {
		connection.close()
	}
}

// sweep takes out what has been idle for too long; the lock is held.
func (c *Client) sweep(now time.Time) []*conn {
	var old []*conn
	for key, list := range c.idle {
		var young []*conn
		for _, connection := range list {
			if now.Sub(connection.idle) < keepIdle {
				young = append(young, connection)
			} else {
				old = append(old, connection)
			}
		}
		if len(young) == 0 {
			delete(c.idle, key)
		} else {
			c.idle[key] = young
		}
	}
	return old
}

// Close closes idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	idle := c.idle
	c.idle = map[string][]*conn{}
	c.mu.Unlock()
	for _, list := range idle {
		for _, connection := range list {
			connection.close()
		}
	}
}
