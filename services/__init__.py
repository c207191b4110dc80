"""The two HTTP services: the allocator, which jobs talk to, and the API, which users talk to."""
