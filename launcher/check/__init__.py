"""What hosts lack for a job, before anything is started."""

from launcher.check.hosts import check_hosts, examine
from launcher.check.model import Finding, Level

__all__ = ["Finding", "Level", "check_hosts", "examine"]
