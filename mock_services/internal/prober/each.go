package prober

import "sync"

// Enough to hide the latency of the edges, few enough not to make services on two cores look slow.
const sideBySide = 16

// each calls work for 0 to count-1, a bounded number at a time, and waits for all.
func each(count int, work func(i int)) {
	var all sync.WaitGroup
	free := make(chan struct{}, sideBySide)
	for i := range count {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			work(i)
		})
	}
	all.Wait()
}
