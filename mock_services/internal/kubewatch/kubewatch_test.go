package kubewatch

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const limit = time.Minute

// api is a Kubernetes API that answers from a script: one line for each request.
type api struct {
	t      *testing.T
	steps  []step
	next   int
	server *httptest.Server
	seen   chan string
}

// step answers a list (watch is "") or a watch from that version.
type step struct {
	watch  string
	status int
	body   string
	hold   bool
}

func start(t *testing.T, steps ...step) (*api, *Watcher) {
	a := &api{t: t, steps: steps, seen: make(chan string, 100)}
	a.server = httptest.NewTLSServer(a)
	t.Cleanup(a.server.Close)
	account := t.TempDir()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})
	for name, text := range map[string]string{"token": "secret\n", "ca.crt": string(authority)} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a, &Watcher{
		Server: a.server.URL, Account: account, Namespace: "staging", Name: "certificate-policy",
		Log: slog.New(slog.DiscardHandler), Pause: time.Millisecond,
	}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if r.URL.Path != "/api/v1/namespaces/staging/configmaps" || r.Header.Get("Authorization") != "Bearer secret" ||
		query.Get("fieldSelector") != "metadata.name=certificate-policy" {
		a.t.Errorf("unexpected request %s", r.URL)
	}
	if a.next >= len(a.steps) {
		<-r.Context().Done()
		return
	}
	step := a.steps[a.next]
	a.next++
	if query.Get("resourceVersion") != step.watch || (query.Get("watch") == "1") != (step.watch != "") {
		a.t.Errorf("step %d: asked for %q, want version %q", a.next, r.URL.RawQuery, step.watch)
	}
	if step.status != 0 {
		w.WriteHeader(step.status)
	}
	// A watch that ends at once counts as a fault; the pause of the tests is a millisecond.
	time.Sleep(2 * time.Millisecond)
	_, _ = w.Write([]byte(step.body))
	w.(http.Flusher).Flush()
	time.Sleep(2 * time.Millisecond)
	if step.hold {
		<-r.Context().Done()
	}
}

func list(version, generation string) string {
	return fmt.Sprintf(`{"metadata":{"resourceVersion":"%s"},"items":[{"data":{"generation":"%s"}}]}`, version, generation)
}

func event(kind, version, generation string) string {
	return fmt.Sprintf(`{"type":"%s","object":{"metadata":{"resourceVersion":"%s"},"data":{"generation":"%s"}}}`+"\n",
		kind, version, generation)
}

// follow runs the watcher until it has told so many generations, and checks that the whole script was played.
func follow(t *testing.T, a *api, w *Watcher, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	done := make(chan struct{})
	var got []string
	go func() {
		defer close(done)
		w.Run(ctx, func(data map[string]string) {
			got = append(got, data["generation"])
			if len(got) == len(want) {
				cancel()
			}
		})
	}()
	<-done
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("told %v, want %v", got, want)
	}
	if a.next < len(a.steps) {
		t.Errorf("%d of %d requests", a.next, len(a.steps))
	}
}

func TestFollowsChanges(t *testing.T) {
	a, w := start(t,
		step{body: list("10", "1")},
		step{watch: "10", body: event("MODIFIED", "11", "2") + event("MODIFIED", "12", "3"), hold: true})
	follow(t, a, w, "1", "2", "3")
}

func TestResumesFromTheLastVersion(t *testing.T) {
	a, w := start(t,
		step{body: list("10", "1")},
		step{watch: "10", body: event("MODIFIED", "11", "2")},
		step{watch: "11", body: event("BOOKMARK", "15", "")},
		step{watch: "15", body: event("MODIFIED", "16", "3"), hold: true})
	follow(t, a, w, "1", "2", "3")
}

func TestListsAgainWhenItsVersionIsGone(t *testing.T) {
	for _, gone := range []step{
		{watch: "10", status: http.StatusGone},
		{watch: "10", body: `{"type":"ERROR","object":{"code":410,"message":"too old"}}`},
	} {
		a, w := start(t, step{body: list("10", "1")}, gone, step{body: list("20", "5")},
			step{watch: "20", body: event("MODIFIED", "21", "6"), hold: true})
		follow(t, a, w, "1", "5", "6")
	}
}

func TestBearsErrors(t *testing.T) {
	a, w := start(t,
		step{status: http.StatusForbidden},
		step{body: "no JSON"},
		step{body: list("10", "1")},
		step{watch: "10", status: http.StatusInternalServerError},
		step{watch: "10", body: `{"type":"ERROR","object":{"code":500,"message":"etcd"}}`},
		step{watch: "10", body: event("DELETED", "11", "") + event("ADDED", "12", "9"), hold: true})
	follow(t, a, w, "1", "9")
}

func TestAMissingConfigMapIsWaitedFor(t *testing.T) {
	a, w := start(t,
		step{body: `{"metadata":{"resourceVersion":"3"},"items":[]}`},
		step{watch: "3", body: event("ADDED", "4", "1"), hold: true})
	follow(t, a, w, "1")
}

func TestInCluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if InCluster() != "" {
		t.Error("outside of a cluster")
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if got := InCluster(); got != "https://[fd00::1]:443" {
		t.Error(got)
	}
}
