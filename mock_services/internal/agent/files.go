package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"pov.dev/mock/internal/identity"
)

const (
	currentLink = "current"
	recordFile  = "agent.json"
	setPrefix   = "set-"
)

// Record is what the agent has to remember of a certificate over a restart of its container.
type Record struct {
	Generation string `json:"generation"`
}

// Files are the texts of one set.
type Files struct {
	Certificate string
	Key         string
	Roots       string
	Record      Record
}

// Write puts a set in place in one step: a new folder, then one rename of the link that all names go through. A reader
// never sees a certificate with the key of another. The set before stays for readers that are half way through it.
func Write(dir string, files Files) error {
	fresh, err := os.MkdirTemp(dir, setPrefix)
	if err != nil {
		return err
	}
	if err := fill(fresh, files); err != nil {
		_ = os.RemoveAll(fresh)
		return err
	}
	before, _ := os.Readlink(filepath.Join(dir, currentLink))
	temporary := filepath.Join(dir, currentLink+".new")
	_ = os.Remove(temporary)
	if err := os.Symlink(filepath.Base(fresh), temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, currentLink)); err != nil {
		return err
	}
	for _, name := range []string{identity.CertificateFile, identity.KeyFile, identity.RootsFile} {
		if err := link(filepath.Join(currentLink, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return tidy(dir, filepath.Base(fresh), before)
}

func fill(dir string, files Files) error {
	record, err := json.Marshal(files.Record)
	if err != nil {
		return err
	}
	// The group may read: a service that runs as another user gets at its key by the volume's group.
	if err := os.Chmod(dir, 0o750); err != nil {
		return err
	}
	for name, text := range map[string]string{
		identity.CertificateFile: files.Certificate, identity.KeyFile: files.Key, identity.RootsFile: files.Roots,
		recordFile: string(record),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			return err
		}
	}
	return nil
}

func link(target, path string) error {
	if found, err := os.Readlink(path); err == nil && found == target {
		return nil
	}
	temporary := path + ".new"
	_ = os.Remove(temporary)
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func tidy(dir string, keep ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, setPrefix) && name != keep[0] && name != keep[1] {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteRecord replaces what is remembered with the set in force.
func WriteRecord(dir string, record Record) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, currentLink, recordFile)
	if err := os.WriteFile(path+".new", raw, 0o640); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// ReadRecord is what was remembered with the set in force.
func ReadRecord(dir string) (Record, bool) {
	var record Record
	raw, err := os.ReadFile(filepath.Join(dir, currentLink, recordFile))
	if err != nil || json.Unmarshal(raw, &record) != nil {
		return Record{}, false
	}
	return record, true
}
