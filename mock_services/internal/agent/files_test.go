package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"pov.dev/mock/internal/identity"
	"pov.dev/mock/internal/testpki"
)

func files(ca *testpki.CA, generation string) Files {
	certificate, key := ca.Issue(testpki.Wish{URIs: []string{"spiffe://pov.dev/ns/n/sa/a"}})
	return Files{Certificate: certificate, Key: key, Roots: ca.PEM, Record: Record{generation}}
}

func TestWriteReplacesTheSetAtOnce(t *testing.T) {
	ca, dir := testpki.New(t, "root"), t.TempDir()
	if err := Write(dir, files(ca, "1")); err != nil {
		t.Fatal(err)
	}
	first, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	broken := make(chan error, 1)
	go func() {
		defer close(broken)
		for !stop.Load() {
			// Through the link once: that is how a reader gets one set, whatever is being replaced.
			real, err := filepath.EvalSymlinks(filepath.Join(dir, currentLink))
			if err == nil {
				_, err = identity.Load(real)
			}
			if err != nil {
				broken <- err
				return
			}
		}
	}()
	for range 50 {
		if err := Write(dir, files(ca, "2")); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	if err := <-broken; err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	last, err := identity.Load(dir)
	if err != nil || last.Serial == first.Serial {
		t.Errorf("%v", err)
	}
	if record, ok := ReadRecord(dir); !ok || record.Generation != "2" {
		t.Errorf("%+v", record)
	}
	if err := WriteRecord(dir, Record{"3"}); err != nil {
		t.Fatal(err)
	}
	if record, _ := ReadRecord(dir); record.Generation != "3" {
		t.Errorf("%+v", record)
	}
}

func TestWriteLeavesTwoSetsAndNoReadersForTheKey(t *testing.T) {
	ca, dir := testpki.New(t, "root"), t.TempDir()
	for range 5 {
		if err := Write(dir, files(ca, "")); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sets := 0
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), setPrefix) {
			sets++
		}
	}
	if sets != 2 || len(entries) != 2+4 {
		t.Errorf("%d sets, %d names", sets, len(entries))
	}
	info, err := os.Stat(filepath.Join(dir, identity.KeyFile))
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if Check(dir) != nil {
		t.Error("what was written is not good")
	}
	if Check(t.TempDir()) == nil {
		t.Error("an empty folder is good")
	}
}
