// Package credential is a service's own secret in a file: how it is put there, and how two are told apart.
package credential

import (
	"crypto/sha256"
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

// Fingerprint tells credentials apart without telling them: the first 64 bits of the SHA-256 of what a file holds, white
// space around it left out. It may be shown because a credential is 256 random bits, which nobody guesses.
func Fingerprint(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(raw))
	if value == "" {
		return "", errors.New(path + ": no credential in it")
	}
	digest := sha256.Sum256([]byte(value))
	return hex.EncodeToString(digest[:8]), nil
}
