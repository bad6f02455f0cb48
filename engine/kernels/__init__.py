"""Kernels: what a decision does once for every candidate, by machine code or over whole arrays."""
