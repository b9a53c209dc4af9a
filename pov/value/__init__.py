"""What a platform is worth to a buyer: exact arithmetic on figures that somebody answers for. No engine, no report."""
