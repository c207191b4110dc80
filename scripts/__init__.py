"""What scripts/demo and scripts/test are made of; also what tests and benchmarks start our own servers with."""
