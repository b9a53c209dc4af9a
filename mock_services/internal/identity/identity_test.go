package identity

import (
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pov.dev/mock/internal/testpki"
)

const ledger = "spiffe://pov.dev/ns/staging/sa/ledger"

func folder(t *testing.T, ca *testpki.CA, wish testpki.Wish) string {
	dir := t.TempDir()
	certificate, key := ca.Issue(wish)
	testpki.Put(t, dir, certificate, key, ca)
	return dir
}

func TestPeerIsTheOneURIName(t *testing.T) {
	ca := testpki.New(t, "root")
	for _, each := range []struct {
		uris []string
		good bool
	}{
		{[]string{ledger}, true},
		{nil, false},
		{[]string{ledger, "spiffe://pov.dev/ns/staging/sa/other"}, false},
		{[]string{"https://pov.dev/ns/staging/sa/ledger"}, false},
		{[]string{ledger + "?x=1"}, false},
		{[]string{"spiffe:///ns/staging/sa/ledger"}, false},
	} {
		snapshot, err := Load(folder(t, ca, testpki.Wish{URIs: each.uris}))
		if err != nil {
			t.Fatal(err)
		}
		name, err := Peer(snapshot.Leaf())
		if (err == nil) != each.good {
			t.Errorf("%v: %q, %v", each.uris, name, err)
		}
		if each.good && name != ledger {
			t.Errorf("%q", name)
		}
	}
}

func TestSerialIsWrittenAsVaultDoes(t *testing.T) {
	for number, want := range map[int64]string{0: "00", 10: "0a", 0x1f00ff: "1f:00:ff"} {
		if got := Serial(big.NewInt(number)); got != want {
			t.Errorf("%d: %s", number, got)
		}
	}
}

func TestCheck(t *testing.T) {
	ca, other := testpki.New(t, "root"), testpki.New(t, "root")
	now := time.Now()
	good := folder(t, ca, testpki.Wish{URIs: []string{ledger}})
	foreign := t.TempDir()
	certificate, key := ca.Issue(testpki.Wish{URIs: []string{ledger}})
	testpki.Put(t, foreign, certificate, key, other)
	for name, each := range map[string]struct {
		dir  string
		at   time.Time
		good bool
	}{
		"good":         {good, now, true},
		"over":         {good, now.Add(2 * time.Hour), false},
		"not yet":      {good, now.Add(-2 * time.Hour), false},
		"another root": {foreign, now, false},
	} {
		snapshot, err := Load(each.dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := snapshot.Check(each.at); (err == nil) != each.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStoreKeepsWhatFitsTogether(t *testing.T) {
	ca := testpki.New(t, "root")
	dir := folder(t, ca, testpki.Wish{URIs: []string{ledger}})
	store := Open(dir, slog.New(slog.DiscardHandler))
	first := store.Current()
	if first == nil {
		t.Fatal("nothing loaded")
	}
	certificate, key := ca.Issue(testpki.Wish{URIs: []string{ledger}})
	if err := os.WriteFile(filepath.Join(dir, CertificateFile), []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	if store.reload() == nil || store.Current() != first {
		t.Error("a certificate without its key was taken")
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.reload(); err != nil || store.Current().Serial == first.Serial {
		t.Errorf("the whole pair was not taken: %v", err)
	}
	if store.Current().Trust != first.Trust {
		t.Error("the same roots look different")
	}
	if err := os.WriteFile(filepath.Join(dir, RootsFile), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if store.reload() == nil {
		t.Error("a folder without a root was taken")
	}
}

func TestWatchSeesAChange(t *testing.T) {
	ca := testpki.New(t, "root")
	dir := t.TempDir()
	store := Open(dir, slog.New(slog.DiscardHandler))
	if store.Current() != nil {
		t.Fatal("loaded from nothing")
	}
	go store.Watch(t.Context())
	ca.Write(dir, ledger, ca)
	for limit := time.Now().Add(10 * time.Second); store.Current() == nil; {
		if time.Now().After(limit) {
			t.Fatal("not seen")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
