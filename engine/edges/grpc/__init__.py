"""The gRPC edge: questions come in, offers go out, and what customers did comes back."""
