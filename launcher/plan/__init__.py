"""Spec and Binding to Plan: pure, without clock, network, subprocess or random number."""
