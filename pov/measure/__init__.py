"""Trials, statistics, criteria. No engine in sight: an experiment hands in what a trial does."""
