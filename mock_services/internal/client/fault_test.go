package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestKindsOfFaults(t *testing.T) {
	on := func(op string, err error) error { return &net.OpError{Op: op, Net: "tcp", Err: err} }
	for _, each := range []struct {
		cause      error
		kind, text string
	}{
		{os.ErrDeadlineExceeded, Late, "x: timeout"},
		{context.DeadlineExceeded, Late, "x: timeout"},
		{on("dial", os.ErrDeadlineExceeded), Late, "x: timeout"},
		{on("read", os.NewSyscallError("read", syscall.ETIMEDOUT)), Late, "x: timeout"},
		{on("dial", &net.DNSError{Name: "b", IsTimeout: true}), Late, "x: timeout"},
		{fmt.Errorf("wrapped: %w", on("read", os.ErrDeadlineExceeded)), Late, "x: timeout"},
		{&net.DNSError{Name: "b", Err: "no such host", IsNotFound: true}, Hard, "x: b: no such host"},
		{on("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)), Hard, "x: connection refused"},
		{on("read", os.NewSyscallError("read", syscall.ECONNRESET)), Hard, "x: connection reset by peer"},
		{on("remote error", errors.New("tls: bad certificate")), Hard, "x: refused by the peer: bad certificate"},
		{
			fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time …"}),
			Hard, "x: certificate has expired or is not yet valid",
		},
		{io.ErrUnexpectedEOF, Hard, "x: connection closed by the peer"},
		{errors.New("peer is a, want b"), Hard, "x: peer is a, want b"},
	} {
		fault := &Fault{"x", each.cause}
		if fault.Kind() != each.kind || fault.Error() != each.text || KindOf(fmt.Errorf("to a: %w", fault)) != each.kind {
			t.Errorf("%v: %s, %q", each.cause, fault.Kind(), fault.Error())
		}
	}
	if KindOf(errors.New("status 500")) != Hard {
		t.Error("a wrong answer is a hard failure")
	}
}
