package client

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
)

// Kinds of failures. What was late may have met a machine that stood still; what is hard was broken, however busy the
// machine was.
const (
	Hard = "hard"
	Late = "late"
)

// Fault is a failed request: in which phase, and why in few words. Addresses and ports are left out, so that equal
// faults have equal texts and can be counted.
type Fault struct {
	Phase string
	cause error
}

func (f *Fault) Unwrap() error { return f.cause }

func (f *Fault) Error() string { return f.Phase + ": " + brief(f.cause) }

// Kind tells a time-out, in whichever phase, from everything else.
func (f *Fault) Kind() string {
	if timedOut(f.cause) {
		return Late
	}
	return Hard
}

// KindOf is the kind of any error: one that is no fault is an answer that should not have been.
func KindOf(err error) string {
	var fault *Fault
	if errors.As(err, &fault) {
		return fault.Kind()
	}
	return Hard
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
}

func brief(err error) string {
	var operation *net.OpError
	var lookup *net.DNSError
	var invalid x509.CertificateInvalidError
	switch {
	case timedOut(err):
		return "timeout"
	case errors.As(err, &lookup):
		return lookup.Name + ": " + lookup.Err
	case errors.As(err, &operation):
		if operation.Op == "remote error" {
			return "refused by the peer: " + strings.TrimPrefix(operation.Err.Error(), "tls: ")
		}
		var system *os.SyscallError
		if errors.As(operation.Err, &system) {
			return system.Err.Error()
		}
		return operation.Err.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired or is not yet valid" // without the times, which differ in each text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by the peer"
	}
	return err.Error()
}
