"""Logs of many ranks: read from hosts as they are written, or from here once they are collected."""
