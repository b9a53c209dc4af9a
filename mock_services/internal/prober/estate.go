package prober

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"pov.dev/mock/internal/client"
	"pov.dev/mock/internal/service"
)

// An answer that tells why the service's own call failed comes a moment after that call's time is up.
const slack = 100 * time.Millisecond

// Estate is a configured estate with the client that carries its certificate.
type Estate struct {
	EstateConfig
	client *client.Client
}

// EdgeAnswer is one call over one edge.
type EdgeAnswer struct {
	Source    string `json:"source"`
	Target    string `json:"target"`
	OK        bool   `json:"ok"`
	Error     string `json:"error"`
	Version   string `json:"version"`
	Serial    string `json:"serial"`
	handshake bool
	// kind is that of the failure, or empty.
	kind string
}

// call has the source call the target as itself, within a timeout. On a new connection both hops are new: the source's
// own certificate is looked at as well, which for a service that nobody calls happens nowhere else.
func (e *Estate) call(ctx context.Context, source, target string, fresh bool, timeout time.Duration) EdgeAnswer {
	answer := EdgeAnswer{Source: source, Target: target}
	query := url.Values{
		"to": {target}, "fresh": {flag(fresh)},
		"timeoutMs": {strconv.FormatFloat(float64(timeout.Microseconds())/1000, 'f', 1, 64)},
	}
	var outcome service.Outcome
	if err := e.ask(ctx, e.address(source), source, "/call?"+query.Encode(), fresh, timeout+slack, &outcome); err != nil {
		answer.Error, answer.kind = fmt.Sprintf("to %s: %s", source, err), client.KindOf(err)
		return answer
	}
	answer.OK, answer.Version, answer.Serial = outcome.OK, outcome.Version, outcome.Serial
	answer.handshake = outcome.Handshake
	if !outcome.OK {
		answer.Error = fmt.Sprintf("%s to %s: %s", source, target, outcome.Error)
		if answer.kind = client.Hard; outcome.Kind == client.Late {
			answer.kind = client.Late
		}
	}
	return answer
}

func (e *Estate) ask(
	ctx context.Context, address, name, path string, fresh bool, timeout time.Duration, into any,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := e.client.Get(ctx, address, e.id(name), path, fresh)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("status %d", answer.Status)
	}
	return json.Unmarshal(answer.Body, into)
}

// Replica is what one replica says of itself; serial and end are those of the certificate that it showed.
type Replica struct {
	Service  string     `json:"service"`
	Address  string     `json:"address"`
	Version  string     `json:"version"`
	Serial   string     `json:"serial"`
	NotAfter *time.Time `json:"notAfter"`
	// Credential is the fingerprint of the one that it uses, as it says; empty without one.
	Credential string `json:"credential"`
	Error      string `json:"error"`
}

// identify asks each replica of a service on a new connection. A replica that cannot be found is a row with an error.
func (e *Estate) identify(ctx context.Context, name string, timeout time.Duration) []Replica {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := e.replicas(ctx, name)
	if err != nil {
		return []Replica{{Service: name, Error: err.Error()}}
	}
	rows := make([]Replica, len(addresses))
	each(len(addresses), func(i int) {
		rows[i] = e.identifyOne(ctx, name, addresses[i])
	})
	if len(addresses) < e.Replicas {
		rows = append(rows, Replica{
			Service: name, Error: fmt.Sprintf("%d of %d replicas are there", len(addresses), e.Replicas),
		})
	}
	return rows
}

func (e *Estate) identifyOne(ctx context.Context, name, address string) Replica {
	row := Replica{Service: name, Address: address}
	answer, err := e.client.Get(ctx, address, e.id(name), "/identity", true)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	var said service.Identity
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &said) != nil {
		row.Error = fmt.Sprintf("status %d", answer.Status)
		return row
	}
	end := answer.Leaf.NotAfter.UTC()
	row.Version, row.Serial, row.NotAfter, row.Credential = said.Version, answer.Serial(), &end, said.Credential
	return row
}

func (e *Estate) replicas(ctx context.Context, name string) ([]string, error) {
	if known := e.Addresses[name]; len(known) > 0 {
		return known, nil
	}
	host := e.replicasHost(name)
	found, err := client.Lookup(ctx, host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("resolve: no replica behind %s", host)
	}
	addresses := make([]string, len(found))
	for i, address := range found {
		addresses[i] = net.JoinHostPort(address.Unmap().String(), strconv.Itoa(e.Port))
	}
	return addresses, nil
}

// Refusals is what came of trying every pair of services that must not talk.
type Refusals struct {
	Pairs    int         `json:"pairs"`
	Admitted [][2]string `json:"admitted"`
	Errors   []string    `json:"errors"`
}

// refusals has each service call each one that it may not call. A pair counts as refused only if the target said so by
// the caller's name; silence proves nothing and is an error.
func (e *Estate) refusals(ctx context.Context, timeout time.Duration) Refusals {
	pairs := e.strangers()
	faults := make([]string, len(pairs))
	admitted := make([]bool, len(pairs))
	each(len(pairs), func(i int) {
		source, target := pairs[i][0], pairs[i][1]
		path := fmt.Sprintf("/refused?to=%s&timeoutMs=%d", url.QueryEscape(target), timeout.Milliseconds())
		var refusal service.Refusal
		err := e.ask(ctx, e.address(source), source, path, false, timeout+slack, &refusal)
		switch {
		case err != nil:
			faults[i] = fmt.Sprintf("to %s: %s", source, err)
		case refusal.Error != "":
			faults[i] = fmt.Sprintf("%s to %s: %s", source, target, refusal.Error)
		default:
			admitted[i] = !refusal.Refused
		}
	})
	result := Refusals{Pairs: len(pairs), Admitted: [][2]string{}, Errors: []string{}}
	for i := range pairs {
		if admitted[i] {
			result.Admitted = append(result.Admitted, pairs[i])
		}
		if faults[i] != "" {
			result.Errors = append(result.Errors, faults[i])
		}
	}
	return result
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
