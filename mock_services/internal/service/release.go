package service

import (
	"fmt"
	"strconv"
	"strings"
)

const errorRate = "error-rate "

// release is what the file of a version says: its name, and the share of its requests that it answers with an error. A
// version that is bad on purpose says so itself, whichever way it is brought in.
type release struct {
	version   string
	errorRate float64
}

// parseRelease reads a name in the first line and, where there is a second one, `error-rate SHARE`.
func parseRelease(text string) (release, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	read := release{version: strings.TrimSpace(name)}
	if rest == "" {
		return read, nil
	}
	share, ok := strings.CutPrefix(strings.TrimSpace(rest), errorRate)
	rate, err := strconv.ParseFloat(share, 64)
	if !ok || err != nil || !(rate >= 0 && rate <= 1) {
		return release{}, fmt.Errorf("the release says %q instead of %sSHARE, from 0 to 1", rest, errorRate)
	}
	read.errorRate = rate
	return read, nil
}
