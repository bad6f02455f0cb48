"""Migration: an embedded installation moves to a cluster, once, with all it has accepted and learned."""
