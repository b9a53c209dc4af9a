// Package credential is a service's own secret in a file: how it is put there, and how two are told apart.
package credential

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"os"
	"strings"
)

// File is its name in the folder of an agent.
const File = "credential"

// Write puts a credential in place in one step: a reader never sees half of one. The group may read it, as it may the
// certificate's key.
func Write(path, value string) error {
	if err := os.WriteFile(path+".new", []byte(value), 0o640); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Held is a credential as whoever checks it keeps it: its digest, never the value.
type Held struct {
	digest [sha256.Size]byte
}

// Of is the credential of that value, white space around it left out.
func Of(value string) (Held, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return Held{}, errors.New("no credential in it")
	}
	return Held{sha256.Sum256([]byte(value))}, nil
}

// Read is the credential in a file.
func Read(path string) (Held, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Held{}, err
	}
	held, err := Of(string(raw))
	if err != nil {
		return Held{}, errors.New(path + ": " + err.Error())
	}
	return held, nil
}

// Is tells whether somebody presents this credential. It takes as long whether they do or not.
func (h Held) Is(presented string) bool {
	other, err := Of(presented)
	return err == nil && subtle.ConstantTimeCompare(h.digest[:], other.digest[:]) == 1
}

// Fingerprint tells credentials apart without telling them: the first 64 bits of the SHA-256. It may be shown because a
// credential is 256 random bits, which nobody guesses.
func (h Held) Fingerprint() string { return hex.EncodeToString(h.digest[:8]) }
