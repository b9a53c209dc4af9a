// Package kubewatch follows one ConfigMap through the Kubernetes API.
package kubewatch

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ServiceAccount is where Kubernetes mounts a pod's token and the cluster's CA.
const ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

var errGone = errors.New("the version is too old")

// Watcher follows the ConfigMap `Name` in `Namespace`.
type Watcher struct {
	Server    string
	Account   string
	Namespace string
	Name      string
	Log       *slog.Logger
	// Pause before another try after an error; it doubles up to 64 times.
	Pause time.Duration
	told  string
}

// InCluster is the API server's address inside a pod, or empty outside of one.
func InCluster() string {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return ""
	}
	return "https://" + net.JoinHostPort(host, port)
}

type object struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// Run calls changed with the data at first and after each change, until ctx ends. It follows from version to version;
// where a version is too old it lists again, so that no change is missed but those in between two.
func (w *Watcher) Run(ctx context.Context, changed func(map[string]string)) {
	version := ""
	pause := w.Pause
	for ctx.Err() == nil {
		err := w.once(ctx, &version, changed)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			pause = w.Pause
			continue
		case errors.Is(err, errGone):
			version, pause = "", w.Pause
		}
		if text := err.Error(); text != w.told {
			w.told = text
			w.Log.Warn("policy not watched", "configmap", w.Name, "error", text)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause/2+1)):
		}
		pause = min(2*pause, 64*w.Pause)
	}
}

// once lists if it knows no version, then watches until the server ends the watch.
func (w *Watcher) once(ctx context.Context, version *string, changed func(map[string]string)) error {
	client, err := w.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if *version == "" {
		var list struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
			Items []object `json:"items"`
		}
		response, err := w.get(ctx, client, nil)
		if err != nil {
			return err
		}
		err = json.NewDecoder(response.Body).Decode(&list)
		_ = response.Body.Close()
		if err != nil {
			return err
		}
		*version = list.Metadata.ResourceVersion
		for _, item := range list.Items {
			changed(item.Data)
		}
		w.told = ""
	}
	return w.watch(ctx, client, version, changed)
}

func (w *Watcher) watch(ctx context.Context, client *http.Client, version *string, changed func(map[string]string)) error {
	seconds := 300 + rand.IntN(300)
	// A connection that died in silence (a laptop that slept) ends here at the latest.
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds+30)*time.Second)
	defer cancel()
	response, err := w.get(ctx, client, url.Values{
		"watch": {"1"}, "resourceVersion": {*version}, "allowWatchBookmarks": {"true"},
		"timeoutSeconds": {strconv.Itoa(seconds)},
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(bufio.NewReaderSize(response.Body, 4096))
	begun := time.Now()
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			// The end of a watch is ordinary; one that ends at once would spin.
			if time.Since(begun) < w.Pause {
				return fmt.Errorf("the watch ended at once: %w", err)
			}
			return nil
		}
		if event.Type == "ERROR" {
			var status struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			}
			_ = json.Unmarshal(event.Object, &status)
			if status.Code == http.StatusGone {
				return errGone
			}
			return fmt.Errorf("watch: %d %s", status.Code, status.Message)
		}
		var found object
		if err := json.Unmarshal(event.Object, &found); err != nil {
			return err
		}
		*version = found.Metadata.ResourceVersion
		if event.Type == "ADDED" || event.Type == "MODIFIED" {
			changed(found.Data)
		}
	}
}

func (w *Watcher) get(ctx context.Context, client *http.Client, query url.Values) (*http.Response, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("fieldSelector", "metadata.name="+w.Name)
	address := fmt.Sprintf("%s/api/v1/namespaces/%s/configmaps?%s", w.Server, url.PathEscape(w.Namespace), query.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(w.Account, "token"))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	_ = response.Body.Close()
	if response.StatusCode == http.StatusGone {
		return nil, errGone
	}
	return nil, fmt.Errorf("status %d from the Kubernetes API", response.StatusCode)
}

func (w *Watcher) client() (*http.Client, error) {
	raw, err := os.ReadFile(filepath.Join(w.Account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New("no certificate in the cluster's ca.crt")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}}, nil
}
