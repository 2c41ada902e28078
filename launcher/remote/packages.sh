# name of a Python or nothing, distributions…: that Python, what markers ask of it, and the versions it has, as JSON
for name in "${1:-python}" "${1:-python3}"; do
    python=$(command -v "$name") && break
done
[ -n "$python" ] || die 1 "${1:-neither python nor python3} is not in PATH=$PATH"
shift
exec "$python" -c '
import json, os, platform, sys
from importlib.metadata import PackageNotFoundError, version

def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None

full = platform.python_version()
print(json.dumps({
    "executable": sys.executable,
    "environment": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full,
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "versions": {name: installed(name) for name in sys.argv[1:]},
}))
' "$@"
