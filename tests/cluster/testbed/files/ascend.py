"""Puts NPUs and driver into an OCI bundle, as ASCEND_VISIBLE_DEVICES says; arguments are those of runc."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

VISIBLE = "ASCEND_VISIBLE_DEVICES="
MANAGERS = ("davinci_manager", "devmm_svm", "hisi_hdc")
DRIVER = "/usr/local/Ascend/driver"
MOUNTED = (f"{DRIVER}/lib64", f"{DRIVER}/include", "/usr/local/dcmi", "/usr/local/bin/npu-smi")


def numbers(text: str) -> Iterator[int]:
    """Ids of `0-2,4`; none of `void`."""
    for part in [] if text == "void" else text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def inject(config: dict, visible: str) -> None:
    """Change the configuration of a container."""
    for name in (*(f"davinci{number}" for number in numbers(visible)), *MANAGERS):
        stat = os.stat(f"/dev/{name}")  # what is not there ends the start of the container
        node = {"type": "c", "major": os.major(stat.st_rdev), "minor": os.minor(stat.st_rdev)}
        access = {"fileMode": stat.st_mode & 0o777, "uid": stat.st_uid, "gid": stat.st_gid}
        config["linux"].setdefault("devices", []).append({"path": f"/dev/{name}", **node, **access})
        config["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm", **node})
    for path in filter(os.path.exists, MOUNTED):
        mount = {"type": "bind", "source": path, "destination": path, "options": ["rbind", "ro"]}
        config["mounts"].append(mount)


def main(words: list[str]) -> None:
    """Change the file that `runc create --bundle` reads."""
    file = Path(words[words.index("--bundle") + 1]) / "config.json"
    config = json.loads(file.read_text())
    for variable in config["process"]["env"]:
        if variable.startswith(VISIBLE):
            inject(config, variable.removeprefix(VISIBLE))
    file.write_text(json.dumps(config))


if __name__ == "__main__":
    main(sys.argv)
