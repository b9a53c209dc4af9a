package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
)

// Fault is a failed request: in which phase, and why in few words. Addresses and ports are left out, so that equal
// faults have equal texts and can be counted.
type Fault struct {
	Phase string
	cause error
}

func (f *Fault) Unwrap() error { return f.cause }

func (f *Fault) Error() string { return f.Phase + ": " + brief(f.cause) }

func brief(err error) string {
	var operation *net.OpError
	var lookup *net.DNSError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &lookup):
		if lookup.IsTimeout {
			return "timeout"
		}
		return lookup.Name + ": " + lookup.Err
	case errors.As(err, &operation):
		if operation.Timeout() {
			return "timeout"
		}
		if operation.Op == "remote error" {
			return "refused by the peer: " + strings.TrimPrefix(operation.Err.Error(), "tls: ")
		}
		var system *os.SyscallError
		if errors.As(operation.Err, &system) {
			return system.Err.Error()
		}
		return operation.Err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by the peer"
	}
	return err.Error()
}
