"""Each fault of a machine is brought about on h2, found there with its cause, and gone when it is mended.

SELinux, NFS, another architecture and another clock are stand-ins: programs on the host that say so.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.cluster.checks import Checks
from tests.cluster.delivered import derive_for_arm
from tests.cluster.images.golden import SMALL

full = pytest.mark.full
ON_NFS = 'case "$*" in *-f*"{path}"*) echo 1000000 4096 nfs ;; *) exec /usr/bin/stat "$@" ;; esac'
DATE = """case $1 in
+%s.%N) /bin/date +%s.%N | awk -F. '{ printf "%d.%s\\n", $1 + 30, $2 }' ;;
*) exec /bin/date -d "+30 seconds" "$@" ;;
esac"""


@pytest.fixture
def checks(place):
    return Checks(place)


def found(rule: str, level: str = "error", host: str = "h2") -> set[tuple[str, str, str]]:
    return {(host, rule, level)}


def test_hosts_that_have_all(checks):
    checks.assert_good()
    done = checks.place.launcher("check", "-c", checks.place.cluster)
    assert (done.returncode, done.stdout) == (0, "cluster testbed, 2 hosts: all good\n")


# ---- reaching it


@full
def test_a_host_that_is_off(checks, bed):
    bed.kill("h2")
    checks.assert_found(found("contact"), "no answer within", "try by hand: ssh")
    bed.start("h2")
    checks.assert_good()


@full
def test_another_host_key(checks, bed):
    bed.change_host_key("h2")
    checks.assert_found(found("contact"), "its host key is", "ssh-keygen -R")
    bed.restore_host_key("h2")
    checks.assert_good()


@full
def test_a_host_that_cannot_run_a_script(checks):
    with checks.stand_in("h2", "base64", "echo 'base64: out of memory' >&2; exit 2"):
        checks.assert_found(
            found("host"), "did not run a script: 'base64: out of memory", "have base64 in PATH"
        )
    checks.assert_good()


SSHD = "cp /etc/ssh/testbed_config /tmp/sshd; printf '{line}\\n' >>/etc/ssh/testbed_config; "
RELOAD = "kill -HUP $(cat /run/sshd.pid); sleep 0.5"


def test_a_login_shell_that_prints(checks):
    """Docker's words begin with that, too."""
    greeting = 'ForceCommand echo Welcome; eval "$SSH_ORIGINAL_COMMAND"'
    undo = f"cp /tmp/sshd /etc/ssh/testbed_config; {RELOAD}"
    with checks.doing("h2", SSHD.format(line=greeting) + RELOAD, undo):
        both = found("login shell") | found("docker")
        checks.assert_found(both, "prints 'Welcome' before every script", "case $- in")
    checks.assert_good()


@pytest.mark.full
def test_too_few_sessions(checks):
    undo = f"cp /tmp/sshd /etc/ssh/testbed_config; {RELOAD}"
    with checks.doing("h2", SSHD.format(line="MaxSessions 3") + RELOAD, undo):
        checks.assert_found(found("sshd"), "sshd opened 3 sessions", "MaxSessions 10")
    checks.assert_good()


@full
def test_a_single_session_hides_nothing_else(checks):
    """What differs in data is asked in a second look, after Docker."""
    undo = f"cp /tmp/sshd /etc/ssh/testbed_config; {RELOAD}; rm -r /data"
    checks.bed.exec("h1", "mkdir -p /data && echo 1 >/data/a")
    checks.bed.exec("h2", "mkdir -p /data && echo 2 >/data/a")
    job = {"needs": {"disk": "1000000TB"}, "volumes": {"dataset": {"source": "/data"}}}
    with checks.doing("h2", SSHD.format(line="MaxSessions 1") + RELOAD, undo):
        wrong = found("sshd") | found("disk") | found("disk", host="h1") | found("data")
        checks.assert_found(wrong, "sshd opened 1 session on", "MaxSessions 10", "other inside (a)", **job)
    checks.bed.exec("h1", "rm -r /data")
    checks.assert_good()


@full
def test_too_few_startups(checks):
    undo = f"cp /tmp/sshd /etc/ssh/testbed_config; {RELOAD}"
    with checks.doing("h2", SSHD.format(line="MaxStartups 2:30:10") + RELOAD, undo):
        checks.assert_found(found("sshd", "warning"), "from 2 connections on", "MaxStartups 10:30:100")
    checks.assert_good()


@full
def test_an_address_that_is_another_hosts(checks, bed):
    cluster = bed.cluster("h1", "h2")
    cluster["hosts"][1]["host_ip"] = "10.99.77.2"
    checks.place.cluster = checks.place.write("cluster.yaml", cluster)
    words = ("host_ip 10.99.77.2 is none of its addresses: eth0 " + bed.addresses["h2"], "launcher discover")
    checks.assert_found(found("host_ip"), *words, launch="dynamic")
    checks.assert_found(found("host_ip", "warning"), launch="none")
    refused = checks.place.run(checks.place.job("true", ranks=2, placement="spread", launch="dynamic"))
    assert refused.returncode == 3 and "host h2: host_ip" in refused.stderr


# ---- the machine


@full
def test_memory(checks):
    few = "sed 's/^MemAvailable.*/MemAvailable: 1000 kB/' /proc/meminfo >/tmp/meminfo"
    fault = f"{few} && mount --bind /tmp/meminfo /proc/meminfo"
    needs = {"memory_per_rank": "10MB"}
    with checks.doing("h2", fault, "umount /proc/meminfo"):
        checks.assert_found(found("memory"), "need 10 MB, 1.02 MB are available", needs=needs)
    checks.assert_good(needs=needs)


@full
def test_cores(checks):
    with checks.stand_in("h2", "nproc", "echo 0"):
        checks.assert_found(found("cores", "warning"), "1 ranks share 0 cores")
    checks.assert_good()


@full
def test_disk(checks, bed):
    bed.fill_disk("h2", "512k")
    checks.assert_found(found("disk"), "are free for /var/tmp/launcher-0", needs={"disk": "10MB"})
    bed.empty_disk("h2")
    checks.assert_good(needs={"disk": "10MB"})


@full
def test_a_work_directory_that_may_not_be_made(checks):
    with checks.doing("h2", "touch /var/tmp/file", "rm /var/tmp/file"):
        options = ("--set", "cluster.work_dir=/var/tmp/file/x")
        checks.place.bed.exec("h1", "rm -rf /var/tmp/file")
        checks.assert_found(found("work directory"), "/var/tmp/file/x: mkdir:", options=options)


@full
def test_a_work_directory_on_nfs(checks):
    with checks.stand_in("h2", "stat", ON_NFS.format(path="/var/tmp")):
        checks.assert_found(found("work directory"), "is on NFS", "work_dir in the cluster file")
    checks.assert_good()


@full
def test_no_place_for_secrets(checks):
    checks.place.environ["TOKEN"] = "x"
    with checks.doing("h2", "mount -o remount,ro /dev/shm", "mount -o remount,rw /dev/shm"):
        checks.assert_found(found("secrets"), "Read-only file system", "tmpfs", secrets=["TOKEN"])
    checks.assert_good(secrets=["TOKEN"])


@full
def test_selinux_that_confines_the_user(checks):
    confined = (
        'if [ $# = 0 ]; then echo uid=0 context=staff_u:staff_r:staff_t:s0; else exec /usr/bin/id "$@"; fi'
    )
    with checks.stand_in("h2", "getenforce", "echo Enforcing"):
        checks.assert_good()  # containers run with label=disable
        with checks.stand_in("h2", "id", confined):
            checks.assert_found(found("SELinux", "warning"), "staff_u:staff_r:staff_t:s0", "semanage login")
    checks.assert_good()


@full
def test_ranks_as_processes_need_setsid_and_packages(checks):
    checks.place.use(runtime="process", path=["/usr/bin"])
    needs = {"packages": ["launcher-test-none>=1"]}
    with checks.doing("h2", "mount --bind /dev/null /usr/bin/setsid", "umount /usr/bin/setsid"):
        both = found("setsid") | found("packages") | found("packages", host="h1")
        checks.assert_found(both, "setsid is not in PATH", "is not installed in /usr/bin/python", needs=needs)
    checks.assert_good()


@full
def test_no_port_for_the_scheduler(checks):
    listen = (
        "python3 -c 'import socket, time; "
        's = [socket.create_server(("", port)) for port in range(20000, 32000, 600)]; time.sleep(600)\''
    )
    job = {"launch": "dynamic"}
    with checks.program("h1", listen):
        checks.bed.exec("h1", "sleep 1")
        checks.assert_found(
            found("port", host="h1"),
            "none of the ports tried is free",
            "in use by process",
            "(python3",
            **job,
        )
    checks.assert_good(**job)


# ---- Docker


@pytest.mark.full
def test_docker_that_is_stopped(checks, bed):
    bed.stop_docker("h2")
    checks.assert_found(found("docker"), "docker.sock", "systemctl status docker")
    bed.start_docker("h2")
    checks.assert_good()


@full
def test_docker_that_does_not_let_the_user_in(checks, bed):
    checks.place.use(user="trainer")
    with checks.doing(
        "h2",
        "cp /etc/group /tmp/group; sed -i '/^docker:/s/trainer//' /etc/group",
        "cp /tmp/group /etc/group",
    ):
        checks.assert_found(found("docker"), "permission denied", "group docker")
    checks.assert_good()


@full
def test_an_image_that_is_not_the_same_everywhere(checks, bed):
    change = f"docker tag {SMALL} kept; docker run --name changed {SMALL} true; docker commit changed {SMALL}"
    with checks.doing("h2", change, f"docker tag kept {SMALL} && docker rm changed && docker rmi kept"):
        checks.assert_found(
            found("image"), f"image {SMALL}:latest is ", " on h1", "launcher image push", "--from h1"
        )
    checks.assert_good()


@full
def test_an_image_for_another_architecture(checks, bed, image_name):
    for host in ("h1", "h2"):
        derive_for_arm(bed, host)
    words = (f"image {image_name} is for arm64, the host is amd64", "launcher image build --on HOST")
    checks.assert_found(found("image") | found("image", host="h1"), *words, image=image_name)


@full
def test_no_image(checks, bed):
    for host in ("h1", "h2"):
        bed.exec(host, "docker tag launcher-test/small only:1")
    bed.exec("h2", "docker rmi only:1")
    sent = "only:1 is not there: it will be sent from h1"
    checks.assert_found(found("image", "warning"), sent, image="only:1")
    bed.exec("h2", "docker tag launcher-test/small only:1")
    checks.assert_good(image="only:1")
    for host in ("h1", "h2"):
        bed.exec(host, "docker rmi only:1")


@full
def test_another_architecture(checks):
    with checks.stand_in("h2", "uname", 'case "$*" in -m) echo riscv64 ;; *) exec /bin/uname "$@" ;; esac'):
        checks.assert_found(found("architecture", "warning"), "its architecture is riscv64, but x86_64 on h1")
    checks.assert_good()


# ---- all together


@full
def test_clocks(checks):
    with checks.stand_in("h2", "date", DATE):
        checks.assert_found(found("clocks", "warning"), "s ahead of that of h1", "set-ntp")
    checks.assert_good()


@full
def test_a_device_that_a_run_holds(checks):
    run = "/var/tmp/launcher-locks/cpu-0"
    words = "echo gone-1 >run && echo ann@desk >owner && date +%s >since && touch touched"
    fault = f"mkdir -p {run} && cd {run} && {words}"
    with checks.doing("h2", fault, f"rm -r {run}"):
        checks.assert_found(
            found("devices"), "cpu-0 is held by run gone-1 of ann@desk", "launcher cancel gone-1"
        )
    checks.assert_good()


def test_the_script_of_fix_mends_what_it_can(checks, bed, tmp_path):
    """Printing it changes nothing; run by hand on its host, it does."""
    volumes = {"output": {"source": "/data/out put"}}
    bed.exec("h1", "mkdir -p '/data/out put'")
    done = checks.run("--fix", volumes=volumes)
    assert done.returncode == 3 and "1 error" in done.stderr
    assert "# error: volumes: volume output: /data/out put is not there" in done.stdout
    assert "    mkdir -p '/data/out put'\n" in done.stdout
    assert bed.exec("h2", "ls -d /data/out* || true") == ""
    command = ["ssh", "-F", str(bed.ssh_config), "h2", "sh", "-s"]
    assert subprocess.run([*command, "h1"], input=done.stdout, text=True, capture_output=True).stderr
    assert bed.exec("h2", "ls -d /data/out* || true") == ""
    subprocess.run([*command, "h2"], input=done.stdout, text=True, check=True)
    checks.assert_good(volumes=volumes)
    for host in ("h1", "h2"):
        bed.exec(host, "rm -r '/data/out put'")


@full
def test_many_faults_are_named_together(checks, bed):
    bed.stop_docker("h2")
    bed.kill("h1")
    needs = {"disk": "1000000TB"}
    wrong = found("contact", host="h1") | found("docker") | found("disk")
    checks.assert_found(wrong, "docker.sock", "the job needs", needs=needs)
    bed.start("h1")
    bed.start_docker("h2")
    checks.assert_good()
