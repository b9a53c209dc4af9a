package credential

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFingerprint(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	for _, one := range []struct{ held, want string }{
		// printf abc | sha256sum
		{"abc", "ba7816bf8f01cfea"},
		{" abc\n", "ba7816bf8f01cfea"},
		{"abd", "a52d159f262b2c6d"},
		{"", ""},
		{" \n", ""},
	} {
		if err := Write(path, one.held); err != nil {
			t.Fatal(err)
		}
		got, err := Fingerprint(path)
		if got != one.want || (err == nil) != (one.want != "") {
			t.Errorf("%q: %q, %v instead of %q", one.held, got, err, one.want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if _, err := Fingerprint(path + ".gone"); err == nil {
		t.Error("a file that is not there has a fingerprint")
	}
}
