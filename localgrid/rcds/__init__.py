"""A server that publishes users' code where the nodes of a grid see it, in the protocol of RCDS, into a folder."""
