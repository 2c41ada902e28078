"""Cuts what a container asks for down to what this process has: words of runc are the arguments."""

import json
import resource
import sys
from pathlib import Path

UNLIMITED = 2**64 - 1


def may_have(kind: str) -> int:
    """Hard limit of this process, as runc writes it."""
    hard = resource.getrlimit(getattr(resource, kind))[1]
    return UNLIMITED if hard == resource.RLIM_INFINITY else hard


def clamp(process: dict) -> None:
    """Change the `process` of an OCI bundle."""
    for capabilities in (process.get("capabilities") or {}).values():
        capabilities[:] = [name for name in capabilities if name != "CAP_SYS_RESOURCE"]
    for limit in process.get("rlimits") or []:
        limit["hard"] = min(limit["hard"], may_have(limit["type"]))
        limit["soft"] = min(limit["soft"], limit["hard"])
    if process.get("oomScoreAdj") is not None:
        own = int(Path("/proc/self/oom_score_adj").read_text())
        process["oomScoreAdj"] = max(process["oomScoreAdj"], own)


def main(words: list[str]) -> None:
    """Change the file that `runc create --bundle` or `runc exec --process` reads."""
    created = "--bundle" in words
    at = Path(words[words.index("--bundle" if created else "--process") + 1])
    file = at / "config.json" if created else at
    config = json.loads(file.read_text())
    clamp(config["process"] if created else config)
    file.write_text(json.dumps(config))


if __name__ == "__main__":
    main(sys.argv)
