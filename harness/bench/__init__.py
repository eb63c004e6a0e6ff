"""Timings and memory: of the harness, and of the implementations in one run, as tables of figures."""
