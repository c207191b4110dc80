"""The wire contract: what the client and the server, and the wrapper and the allocator, say to each other."""
