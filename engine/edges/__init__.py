"""The edges: gRPC, the journal and the state on disk. The core is pure; these are not."""
