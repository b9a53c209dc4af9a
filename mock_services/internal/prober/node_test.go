package prober

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func proc(t *testing.T, cpu, io, stat string) string {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "pressure"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"pressure/cpu": cpu, "pressure/io": io, "stat": stat} {
		if text != "" {
			put(t, filepath.Join(root, name), text)
		}
	}
	return root
}

func TestSharesOfAWindow(t *testing.T) {
	before := readNode(proc(t,
		"some avg10=1.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=900000\n",
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n", "cpu  100 0 100 700 50 25 25 0 40 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"))
	after := readNode(proc(t,
		"some avg10=1.00 avg60=0.00 avg300=0.00 total=1500000\n", "some total=what\n", "cpu  150 0 100 700 50 25 25 150 90 0\n"))
	after.at = before.at.Add(2 * time.Second)
	node := between(before, after)
	if node.CPUPressure == nil || *node.CPUPressure != 0.25 || node.Steal == nil || *node.Steal != 0.75 {
		t.Errorf("%v %v", node.CPUPressure, node.Steal)
	}
	if node.IOPressure != nil || node.MemoryPressure != nil {
		t.Error("what the kernel does not tell is told")
	}
}

func TestAKernelThatTellsNothing(t *testing.T) {
	for _, stat := range []string{"", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "intr 1 2 3 4 5 6 7 8 9\n"} {
		reading := readNode(proc(t, "", "", stat))
		if node := between(reading, reading); node != (Node{}) {
			t.Errorf("%q: %+v", stat, node)
		}
	}
}

func TestThisKernel(t *testing.T) {
	node := between(readNode(procFolder), readNode(procFolder))
	for _, share := range []*float64{node.CPUPressure, node.IOPressure, node.MemoryPressure, node.Steal} {
		if share != nil && (*share < 0 || *share > 1) {
			t.Errorf("a share of %g", *share)
		}
	}
}
