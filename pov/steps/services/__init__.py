"""The services of every stage, the prober that calls them, and the proof that all of them answer."""
