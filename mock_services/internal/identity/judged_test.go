package identity

import (
	"crypto/x509"
	"testing"
	"time"

	"pov.dev/mock/internal/testpki"
)

func chainOf(t testing.TB, ca *testpki.CA, wish testpki.Wish) []*x509.Certificate {
	certificate, _ := ca.Issue(wish)
	chain, err := parseAll([]byte(certificate))
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func trusting(t testing.TB, ca *testpki.CA) *Snapshot {
	dir := t.TempDir()
	ca.Write(dir, "spiffe://pov.dev/ns/n/sa/me", ca)
	snapshot, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestWhatIsRememberedIsJudgedAsIfItWereNot(t *testing.T) {
	ca, other := testpki.New(t, "root"), testpki.New(t, "other root")
	now := time.Now()
	good := chainOf(t, ca, testpki.Wish{From: now.Add(-time.Hour), Until: now.Add(time.Hour)})
	foreign := chainOf(t, other, testpki.Wish{From: now.Add(-time.Hour), Until: now.Add(time.Hour)})
	remembering := trusting(t, ca)
	// The order matters: what is good now is remembered, then asked for when and where it is not.
	for _, each := range []struct {
		chain []*x509.Certificate
		at    time.Duration
		use   x509.ExtKeyUsage
		ok    bool
	}{
		{good, 0, x509.ExtKeyUsageClientAuth, true},
		{good, 0, x509.ExtKeyUsageClientAuth, true},
		{good, 2 * time.Hour, x509.ExtKeyUsageClientAuth, false},
		{good, -2 * time.Hour, x509.ExtKeyUsageClientAuth, false},
		{good, 0, x509.ExtKeyUsageCodeSigning, false},
		{good, 0, x509.ExtKeyUsageServerAuth, true},
		{foreign, 0, x509.ExtKeyUsageClientAuth, false},
		{foreign, 0, x509.ExtKeyUsageClientAuth, false},
		{nil, 0, x509.ExtKeyUsageClientAuth, false},
	} {
		err := remembering.trusts(each.chain, now.Add(each.at), each.use)
		if _, plain := trusting(t, ca).verify(each.chain, now.Add(each.at), each.use); (err == nil) != each.ok || (plain == nil) != each.ok {
			t.Errorf("%+v: %v, without memory %v", each, err, plain)
		}
	}
	if trusting(t, other).trusts(good, now, x509.ExtKeyUsageClientAuth) == nil {
		t.Error("other roots trust what these remember")
	}
	if n := len(remembering.judged.good); n != 2 {
		t.Errorf("%d chains are remembered", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	ca := testpki.New(t, "root")
	snapshot := trusting(t, ca)
	for range maxJudged + 10 {
		if err := snapshot.trusts(chainOf(t, ca, testpki.Wish{}), time.Now(), x509.ExtKeyUsageClientAuth); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(snapshot.judged.good); n > maxJudged {
		t.Errorf("%d chains are remembered", n)
	}
}

func BenchmarkChain(b *testing.B) {
	ca := testpki.New(b, "root")
	snapshot, chain := trusting(b, ca), chainOf(b, ca, testpki.Wish{})
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			_ = snapshot.trusts(chain, time.Now(), x509.ExtKeyUsageServerAuth)
		}
	})
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			_, _ = snapshot.verify(chain, time.Now(), x509.ExtKeyUsageServerAuth)
		}
	})
}
