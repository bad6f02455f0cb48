"""Imports: files that people bring become profiles in a running service."""
