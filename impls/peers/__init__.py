"""Thin adapters for other people's libraries, so that they can be judged as they are."""
