"""Rank tables for HCCL: build, render, check offline, and convert from the legacy form. No I/O."""

from launcher.rank_table.build import Entry, build
from launcher.rank_table.check import check
from launcher.rank_table.convert import convert_group_list
from launcher.rank_table.finding import Finding, RankTableError
from launcher.rank_table.model import Chip, Device, RankTable, Server, SuperPod
from launcher.rank_table.render import render

__all__ = [
    "Chip",
    "Device",
    "Entry",
    "Finding",
    "RankTable",
    "RankTableError",
    "Server",
    "SuperPod",
    "build",
    "check",
    "convert_group_list",
    "render",
]
