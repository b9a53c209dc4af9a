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
		held, err := Read(path)
		got := ""
		if err == nil {
			got = held.Fingerprint()
		}
		if got != one.want || (err == nil) != (one.want != "") {
			t.Errorf("%q: %q, %v instead of %q", one.held, got, err, one.want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if _, err := Read(path + ".gone"); err == nil {
		t.Error("a file that is not there holds a credential")
	}
}

func TestWhatIsPresentedIsTheCredentialOrNot(t *testing.T) {
	held, err := Of("abc\n")
	if err != nil {
		t.Fatal(err)
	}
	for presented, want := range map[string]bool{"abc": true, " abc ": true, "abd": false, "ab": false, "": false, " ": false} {
		if held.Is(presented) != want {
			t.Errorf("%q is the credential: %v", presented, !want)
		}
	}
}
