"""Programs that run inside the Rucio server's own environment; nothing else of ours can be imported there."""
