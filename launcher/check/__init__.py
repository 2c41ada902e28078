"""What hosts lack for a job, before anything is started."""

from launcher.check.host_needs import HostNeeds
from launcher.check.hosts import check_hosts, examine, examine_at, examine_here
from launcher.check.model import Finding, Level
from launcher.check.needs import in_depth, of_cluster, of_job

__all__ = [
    "Finding",
    "HostNeeds",
    "Level",
    "check_hosts",
    "examine",
    "examine_at",
    "examine_here",
    "in_depth",
    "of_cluster",
    "of_job",
]
