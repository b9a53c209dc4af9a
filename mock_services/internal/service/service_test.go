package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/credential"
	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/testpki"
)

const (
	prober = "spiffe://pov.dev/ns/pov-system/sa/prober"
	limit  = 10 * time.Second
)

func id(name string) string { return identity.ID("pov.dev", "staging", name) }

// estate is three services on loopback: a calls b, and c calls nobody.
type estate struct {
	t         *testing.T
	ca        *testpki.CA
	addresses map[string]string
	certs     map[string]string
	secrets   map[string]string
	stop      map[string]context.CancelFunc
	ended     map[string]chan error
}

func start(t *testing.T, drain time.Duration) *estate { return startRelease(t, drain, "v1\n") }

func startRelease(t *testing.T, drain time.Duration, says string) *estate {
	e := &estate{
		t: t, ca: testpki.New(t, "root"), addresses: map[string]string{}, certs: map[string]string{}, secrets: map[string]string{},
		stop: map[string]context.CancelFunc{}, ended: map[string]chan error{},
	}
	names := []string{"a", "b", "c"}
	for _, name := range names {
		e.addresses[name] = free(t)
	}
	dir := t.TempDir()
	topology, release := filepath.Join(dir, "topology.json"), filepath.Join(dir, "release")
	put(t, topology, fmt.Sprintf(`{"namespace":"staging","prober":"%s","services":{
		"a":{"address":"%s","calls":[{"to":"b","address":"%s","latencyMs":1,"payloadBytes":5000}]},
		"b":{"callers":["a"]},"c":{"address":"%s"}}}`, prober, e.addresses["a"], e.addresses["b"], e.addresses["c"]))
	put(t, release, says)
	for _, name := range names {
		e.certs[name] = t.TempDir()
		e.ca.Write(e.certs[name], id(name), e.ca)
		e.secrets[name] = filepath.Join(t.TempDir(), credential.File)
		if err := credential.Write(e.secrets[name], "the first of "+name); err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{
			Credential: e.secrets[name], Name: name, Namespace: "staging", Topology: topology, Certs: e.certs[name], Listen: e.addresses[name],
			Release: release, Drain: drain, Reload: true,
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		e.stop[name], e.ended[name] = cancel, ended
		go func() { ended <- s.Run(ctx) }()
		t.Cleanup(cancel)
	}
	for _, name := range names {
		e.until("listening", func() bool {
			connection, err := net.Dial("tcp", e.addresses[name])
			if err == nil {
				_ = connection.Close()
			}
			return err == nil
		})
	}
	return e
}

func (e *estate) until(what string, check func() bool) {
	e.t.Helper()
	for end := time.Now().Add(limit); !check(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("%s: not in time", what)
		}
	}
}

// as is a client with a certificate of that name.
func (e *estate) as(name string) *client.Client {
	dir := e.t.TempDir()
	e.ca.Write(dir, name, e.ca)
	return client.New(identity.Open(dir, slog.New(slog.DiscardHandler)))
}

func (e *estate) get(c *client.Client, name, path string, fresh bool) (client.Answer, error) {
	ctx, cancel := context.WithTimeout(e.t.Context(), limit)
	defer cancel()
	return c.Get(ctx, e.addresses[name], id(name), path, fresh)
}

func ask[T any](e *estate, c *client.Client, name, path string) T {
	e.t.Helper()
	var into T
	answer, err := e.get(c, name, path, false)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := json.Unmarshal(answer.Body, &into); err != nil || answer.Status != http.StatusOK {
		e.t.Fatal(answer.Status, string(answer.Body))
	}
	return into
}

func TestWhoMayAskWhat(t *testing.T) {
	e := start(t, 0)
	for _, each := range []struct {
		peer, path string
		want       int
	}{
		{id("a"), "/work", 200}, {prober, "/work", 200}, {prober, "/identity", 200},
		{id("c"), "/work", 403}, {id("b"), "/work", 403}, {"spiffe://pov.dev/ns/prod/sa/a", "/work", 403},
		{id("a"), "/identity", 403}, {id("a"), "/call?to=a", 403}, {id("a"), "/refused?to=c", 403},
		{prober, "/", 403}, {prober, "/works", 403},
	} {
		answer, err := e.get(e.as(each.peer), "b", each.path, false)
		if err != nil || answer.Status != each.want {
			t.Errorf("%s asks for %s: %d %v", each.peer, each.path, answer.Status, err)
		}
		if each.want == 200 && answer.Header.Get("X-Pov-Version") != "v1" {
			t.Errorf("version %q", answer.Header.Get("X-Pov-Version"))
		}
	}
}

// present is the status of an answer to whoever presents a credential to b.
func (e *estate) present(peer, value string) int {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), limit)
	defer cancel()
	answer, err := e.as(peer).Present(ctx, e.addresses["b"], id("b"), Guarded, value)
	if err != nil {
		e.t.Fatal(err)
	}
	return answer.Status
}

func TestACredentialIsGoodUntilAnotherIsInUse(t *testing.T) {
	e := start(t, 0)
	for _, each := range []struct {
		peer, value string
		want        int
	}{
		{id("a"), "the-first", 200}, {id("b"), "the-first", 200}, {prober, "the-first", 200},
		{id("a"), "the-firsts", 401}, {id("a"), "the-second", 401}, {id("c"), "the-first", 403},
		{"spiffe://pov.dev/ns/prod/sa/a", "the-first", 403},
	} {
		if err := credential.Write(e.secrets["b"], "the-first"); err != nil {
			t.Fatal(err)
		}
		e.until("the first in use", func() bool { return e.present(prober, "the-first") == 200 })
		if got := e.present(each.peer, each.value); got != each.want {
			t.Errorf("%s presents %q: %d, not %d", each.peer, each.value, got, each.want)
		}
	}
	if err := credential.Write(e.secrets["b"], "the-second"); err != nil {
		t.Fatal(err)
	}
	e.until("the second in use", func() bool { return e.present(id("a"), "the-second") == 200 })
	if got := e.present(id("a"), "the-first"); got != 401 {
		t.Errorf("the one from before: %d", got)
	}
	answer, err := e.get(e.as(prober), "b", Guarded, true)
	if err != nil || answer.Status != 401 || answer.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("without any: %d %v", answer.Status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for _, value := range []string{"", "a b", "a\r\nX-Pov: 1", "\u00e9"} {
		if _, err := e.as(prober).Present(ctx, e.addresses["b"], id("b"), Guarded, value); err == nil {
			t.Errorf("%q was sent", value)
		}
	}
}

func TestCallGoesOverTheEdgeAsTheService(t *testing.T) {
	e := start(t, 0)
	p := e.as(prober)
	first := ask[Outcome](e, p, "a", "/call?to=b&timeoutMs=5000")
	second := ask[Outcome](e, p, "a", "/call?to=b&timeoutMs=5000")
	fresh := ask[Outcome](e, p, "a", "/call?to=b&fresh=1&timeoutMs=5000")
	if !first.OK || !first.Handshake || first.Version != "v1" || first.Ms <= 0 {
		t.Errorf("%+v", first)
	}
	if !second.OK || second.Handshake || second.Serial != first.Serial {
		t.Errorf("%+v", second)
	}
	if !fresh.OK || !fresh.Handshake {
		t.Errorf("%+v", fresh)
	}
	if no := ask[Outcome](e, p, "a", "/call?to=c"); no.OK || no.Error == "" {
		t.Errorf("%+v", no)
	}
	who := ask[Identity](e, p, "b", "/identity")
	if who.Service != "b" || who.Serial != first.Serial || who.Pod == "" || who.NotAfter.IsZero() {
		t.Errorf("%+v", who)
	}
}

func TestACallThatIsNoEdgeIsRefusedByName(t *testing.T) {
	e := start(t, 0)
	p := e.as(prober)
	if got := ask[Refusal](e, p, "a", "/refused?to=c&timeoutMs=5000"); !got.Refused || got.Status != 403 {
		t.Errorf("%+v", got)
	}
	if got := ask[Refusal](e, p, "a", "/refused?to=b"); got.Refused || got.Error == "" {
		t.Errorf("an edge is not tried: %+v", got)
	}
	e.stop["c"]()
	<-e.ended["c"]
	if got := ask[Refusal](e, p, "a", "/refused?to=c"); got.Refused || !strings.HasPrefix(got.Error, "connect: ") {
		t.Errorf("silence is no refusal: %+v", got)
	}
}

func TestOnlyKnownCertificatesGetIn(t *testing.T) {
	e := start(t, 0)
	other := testpki.New(t, "root")
	stranger, expired, nameless := t.TempDir(), t.TempDir(), t.TempDir()
	other.Write(stranger, id("a"), e.ca)
	certificate, key := e.ca.Issue(testpki.Wish{
		URIs: []string{id("a")}, From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(-time.Hour),
	})
	testpki.Put(t, expired, certificate, key, e.ca)
	certificate, key = e.ca.Issue(testpki.Wish{})
	testpki.Put(t, nameless, certificate, key, e.ca)
	for name, dir := range map[string]string{"stranger": stranger, "expired": expired, "nameless": nameless} {
		c := client.New(identity.Open(dir, slog.New(slog.DiscardHandler)))
		if answer, err := e.get(c, "b", "/work", true); err == nil {
			t.Errorf("%s got in: %d", name, answer.Status)
		} else if text := err.Error(); !strings.Contains(text, "refused by the peer") && !strings.Contains(text, "reset") {
			// The server closes with the request unread, and the reset can overtake its reason.
			t.Errorf("%s: %v", name, err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(e.ca.PEM))
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if _, err := plain.Get("https://" + e.addresses["b"] + "/work"); err == nil {
		t.Error("a client without a certificate got in")
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if _, err := tls.Dial("tcp", e.addresses["b"], old); err == nil {
		t.Error("TLS 1.2 got in")
	}
}

func TestAWrongServerIsNotBelieved(t *testing.T) {
	e := start(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err := e.as(prober).Get(ctx, e.addresses["c"], id("b"), "/work", false)
	if err == nil || !strings.Contains(err.Error(), "peer is "+id("c")) {
		t.Error(err)
	}
	stranger := testpki.New(t, "root")
	dir := t.TempDir()
	e.ca.Write(dir, prober, stranger)
	distrusting := client.New(identity.Open(dir, slog.New(slog.DiscardHandler)))
	if _, err := e.get(distrusting, "b", "/work", false); err == nil || !strings.HasPrefix(err.Error(), "handshake: ") {
		t.Error(err)
	}
}

func TestARenewalLeavesKeptConnectionsAndHoldsForNewOnes(t *testing.T) {
	e := start(t, 0)
	a := e.as(id("a"))
	before, err := e.get(a, "b", "/work", false)
	if err != nil || !before.Handshake {
		t.Fatal(err)
	}
	e.ca.Write(e.certs["b"], id("b"), e.ca)
	e.until("new certificate", func() bool {
		fresh, err := e.get(a, "b", "/work", true)
		kept, keptErr := e.get(a, "b", "/work", false)
		if err != nil || keptErr != nil || kept.Handshake || kept.Serial() != before.Serial() {
			t.Fatalf("kept connection lost: %v %v", err, keptErr)
		}
		return fresh.Serial() != before.Serial()
	})
}

func TestARootThatIsGoneIsForgotten(t *testing.T) {
	e := start(t, 0)
	next := testpki.New(t, "next root")
	dir := t.TempDir()
	e.ca.Write(dir, id("a"), e.ca, next)
	old := client.New(identity.Open(dir, slog.New(slog.DiscardHandler)))
	if _, err := e.get(old, "b", "/work", false); err != nil {
		t.Fatal(err)
	}
	// Trust both, switch, drop the old one: each step has to be in force before the next.
	e.ca.Write(e.certs["b"], id("b"), e.ca, next)
	e.until("both trusted", func() bool {
		dir := t.TempDir()
		next.Write(dir, id("a"), e.ca, next)
		_, err := e.get(client.New(identity.Open(dir, slog.New(slog.DiscardHandler))), "b", "/work", true)
		return err == nil
	})
	next.Write(e.certs["b"], id("b"), next)
	e.until("old one dropped", func() bool {
		_, err := e.get(old, "b", "/work", true)
		return err != nil
	})
	// The kept connection ends with its next answer: nothing fails, and nobody stays on by an old trust.
	kept, err := e.get(old, "b", "/work", false)
	if err != nil || kept.Handshake || !kept.Closing {
		t.Errorf("%v %v", kept.Header, err)
	}
	if _, err := e.get(old, "b", "/work", false); err == nil {
		t.Error("the old root still lets in")
	}
}

func TestAClientMovesToNewRootsWithoutAFailure(t *testing.T) {
	e := start(t, 0)
	next := testpki.New(t, "next root")
	dir := t.TempDir()
	e.ca.Write(dir, id("a"), e.ca)
	store := identity.Open(dir, slog.New(slog.DiscardHandler))
	go store.Watch(t.Context())
	a := client.New(store)
	if _, err := e.get(a, "b", "/work", false); err != nil {
		t.Fatal(err)
	}
	e.ca.Write(dir, id("a"), e.ca, next)
	e.until("new connection under the new roots", func() bool {
		answer, err := e.get(a, "b", "/work", false)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Handshake
	})
}

func TestDrainTellsKeptClientsToMoveAndFailsNothing(t *testing.T) {
	e := start(t, 300*time.Millisecond)
	a := e.as(id("a"))
	if _, err := e.get(a, "b", "/work", false); err != nil {
		t.Fatal(err)
	}
	e.stop["b"]()
	e.until("told to close", func() bool {
		answer, err := e.get(a, "b", "/work", false)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Closing
	})
	if answer, err := e.get(a, "b", "/work", false); err != nil || !answer.Handshake {
		t.Errorf("a draining service still serves new connections: %v", err)
	}
	if err := <-e.ended["b"]; err != nil {
		t.Error(err)
	}
	if _, err := e.get(a, "b", "/work", false); err == nil || err.Error() != "connect: connection refused" {
		t.Error(err)
	}
}

func TestNothingIsSentTwice(t *testing.T) {
	e := start(t, 0)
	a := e.as(id("a"))
	if _, err := e.get(a, "b", "/work", false); err != nil {
		t.Fatal(err)
	}
	e.stop["b"]()
	<-e.ended["b"]
	// The kept connection is seen to be closed before anything is sent, so a new one is tried, once.
	if answer, err := e.get(a, "b", "/work", false); err == nil || !answer.Handshake {
		t.Errorf("%+v", err)
	}
}

func TestFaultyOptions(t *testing.T) {
	dir := t.TempDir()
	topology := filepath.Join(dir, "topology.json")
	put(t, topology, `{"namespace":"staging","prober":"p","services":{}}`)
	put(t, filepath.Join(dir, "release"), "v1")
	for _, o := range []Options{
		{Topology: filepath.Join(dir, "none"), Namespace: "staging", Release: filepath.Join(dir, "release")},
		{Topology: topology, Namespace: "prod", Release: filepath.Join(dir, "release")},
		{Topology: topology, Namespace: "staging", Release: filepath.Join(dir, "none")},
	} {
		if _, err := New(o, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
}

func free(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func put(t *testing.T, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
