"""The testbed itself: tests on it are worth as much as it is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.npu import ToolError, hccn, smi
from launcher.spec.cluster import Driver
from tests.cluster.bed import Testbed, fake
from tests.cluster.images.golden import CPU, SMALL
from tests.cluster.slots import free_bed

QUICKLY = ["-o", "ConnectTimeout=2", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"]


def is_reachable(bed: Testbed, host: str) -> bool:
    """Whether a command gets through within seconds."""
    return bed.ssh(host, "true", options=QUICKLY).returncode == 0


@pytest.mark.parametrize(("user", "uid"), [("root", 0), ("trainer", 4242)])
def test_hosts_answer_by_ssh_with_known_keys_and_may_use_docker(bed, user, uid):
    for host in bed.addresses:
        done = bed.ssh(host, "id -u; hostname; docker ps --quiet", user=user)
        assert (done.returncode, done.stdout) == (0, f"{uid}\n{host}\n"), done.stderr


def test_hosts_reach_each_other_by_address_and_nothing_else(bed):
    address = bed.addresses["h2"]
    assert bed.exec("h1", f"ssh-keyscan -t ed25519 {address} 2>/dev/null").startswith(address)
    assert "default" not in bed.exec("h1", "ip route")


def test_sshd_has_the_limits_that_openssh_has(bed):
    settings = bed.exec("h1", "sshd -T -f /etc/ssh/testbed_config").splitlines()
    assert {"maxsessions 10", "maxstartups 10:30:100"} <= set(settings)


def test_a_container_sees_the_npu_it_is_given(bed):
    run = "docker run --rm --init --network host --device /dev/davinci3 --ulimit nofile=65535:65535"
    assert bed.exec("h1", f"{run} {SMALL} ls /dev | grep davinci") == "davinci3\n"


def test_the_driver_lies_where_containers_get_it_from(bed):
    driver = Driver()
    for path in (driver.root, driver.dcmi, driver.npu_smi, driver.install_info, driver.hccn_conf):
        bed.exec(
            "h1", f"docker run --rm --mount type=bind,source={path},target={path},readonly {SMALL} ls {path}"
        )
    assert (
        bed.exec("h1", "stat -c %g /dev/davinci0 /dev/davinci_manager /dev/devmm_svm /dev/hisi_hdc")
        == "1000\n" * 4
    )
    assert "Total Count                    : 8" in bed.exec("h1", "npu-smi info -l")
    assert "ipaddr:29.1.5.2" in bed.exec("h1", f"{driver.root}/tools/hccn_tool -i 5 -ip -g")


@pytest.mark.full
@pytest.mark.parametrize(
    ("form", "dies", "name"),
    [("910a", 1, "910A"), ("910b", 1, "910B3"), ("a3", 2, "Ascend910"), ("a3-26", 2, "Ascend910")],
)
def test_npu_smi_prints_the_forms_of_the_driver(bed, form, dies, name):
    fake(bed, "h1", form=form, processes="1 0 4711 python 97", **{"health.3": "Alarm"})
    bed.exec("h1", "rm /dev/davinci5")
    there = [0, 1, 2, 3, 4, 6, 7]
    info = smi.parse_info(bed.exec("h1", "npu-smi info"))
    assert {chip.name for chip in info.chips} == {name}
    mapped = smi.parse_map(bed.exec("h1", "npu-smi info -m"))
    chips = smi.with_physical(info.chips, mapped)
    assert [(chip.physical, chip.npu, chip.chip) for chip in chips] == [
        (n, n // dies, n % dies) for n in there
    ]
    assert [chip.physical for chip in chips if chip.health == "Alarm"] == [3]
    assert info.processes == (smi.Process(1, 0, 4711, "python", 97),)
    assert [(each.npu, each.chip) for each in mapped] == [(n // dies, n % dies) for n in there]
    cards = smi.parse_list(bed.exec("h1", "npu-smi info -l"))
    assert cards == tuple(smi.Card(npu, dies) for npu in sorted({n // dies for n in there}))
    remapped = smi.parse_remap(bed.exec("h1", "npu-smi info -t phyid-remap -p 7"))
    assert remapped == smi.Remap(7, 7, 7 // dies, 7 % dies)
    ids = f"-i {3 // dies} -c {3 % dies}"
    assert smi.parse_health(bed.exec("h1", f"npu-smi info -t health {ids}")).status == "Alarm"
    if dies == 2:
        spod = smi.parse_spod(bed.exec("h1", f"npu-smi info -t spod-info {ids}"))
        assert spod == smi.Spod(str((1 << 22) + (1 << 18) + (1 << 16) + 3), "0")


def test_hccn_tool_prints_the_forms_of_the_driver(bed):
    fake(bed, "h1", no_ping="29.2.0.2", **{"link.1": "DOWN", "tls.2": "1", "ip.3": "2001:db8::3"})

    def ask(words: str) -> str:
        return bed.exec("h1", f"hccn_tool {words}", check=False)

    assert hccn.parse_ip(ask("-i 5 -ip -g")) == hccn.Ip("29.1.5.2", "255.255.255.0")
    assert hccn.parse_ip(ask("-i 3 -ip -inet6 -g")).address == "2001:db8::3"
    assert [hccn.parse_link(ask(f"-i {n} -link -g")) for n in (0, 1)] == ["UP", "DOWN"]
    assert hccn.parse_net_health(ask("-i 0 -net_health -g")) == "Success"
    assert [hccn.parse_tls(ask(f"-i {n} -tls -g")) for n in (0, 2)] == [False, True]
    assert hccn.parse_ping(ask("-i 0 -ping -g address 29.2.1.2")).has_answer
    assert not hccn.parse_ping(ask("-i 0 -ping -g address 29.2.0.2")).has_answer
    with pytest.raises(ToolError, match="Command execute failed!"):
        hccn.parse_ip(ask("-i 3 -ip -g"))
    conf = hccn.parse_conf(bed.exec("h1", "cat /etc/hccn.conf"))
    assert conf == {n: f"29.1.{n}.2" for n in range(8)}


@pytest.mark.full
@pytest.mark.parametrize("tool", ["npu-smi info", "hccn_tool -i 0 -link -g"])
def test_tools_fail_with_words_until_hosts_are_mended(bed, tool):
    fake(bed, "h1", fail="dcmi module initialize failed. ret is -8005")
    with pytest.raises(RuntimeError, match="ret is -8005"):
        bed.exec("h1", tool)
    bed.exec("h1", "rm /dev/davinci2 && mknod /dev/davinci8 c 1 3")
    bed.mend()
    bed.exec("h1", tool)
    assert bed.exec("h1", "ls /dev | grep -c 'davinci[0-9]'") == "8\n"


@pytest.mark.mindspore
def test_the_cpu_image_computes_for_any_user(bed):
    imports = "import google_crc32c, mindspore, sentencex, tokenizers, wikiextractor"
    compute = f'python -c "{imports}; print(mindspore.Tensor([2]) * 3)"'
    run = f"docker run --rm --network host --user 4242:4242 {CPU} {compute}"
    assert bed.exec("h1", run) == "[6]\n"


def test_each_host_has_an_engine_of_its_own(bed):
    bed.exec("h1", f"docker run --detach --label launcher.run=x --network host {SMALL} sleep 60")
    assert bed.exec("h1", "docker ps --quiet") and not bed.exec("h2", "docker ps --all --quiet")


def test_cut_and_heal(bed):
    bed.cut("h1")
    assert (is_reachable(bed, "h1"), is_reachable(bed, "h2")) == (False, True)
    bed.heal("h1")
    assert is_reachable(bed, "h1")


@pytest.mark.full
def test_a_frozen_host_goes_on_where_it_was(bed):
    bed.freeze("h1")
    assert not is_reachable(bed, "h1")
    bed.thaw("h1")
    assert is_reachable(bed, "h1")


@pytest.mark.full
def test_a_power_cut_keeps_the_disk_and_ends_everything(bed):
    bed.exec("h1", f"docker run --detach --name it --label launcher.run=x --network host {SMALL} sleep 60")
    bed.exec("h1", "echo kept >/var/tmp/launcher-file")
    bed.kill("h1")
    assert not is_reachable(bed, "h1")
    bed.start("h1")
    assert (
        bed.exec("h1", "cat /var/tmp/launcher-file; docker ps --all --format '{{.Names}}'; docker ps -q")
        == "kept\nit\n"
    )


@pytest.mark.full
def test_packets_are_lost_and_slowed_down(bed):
    bed.slow("h1", "1mbit")
    assert is_reachable(bed, "h1")
    bed.drop("h1", 100)
    assert not is_reachable(bed, "h1")
    bed.clear("h1")
    assert is_reachable(bed, "h1")


@pytest.mark.full
def test_a_full_disk(bed):
    write = "head -c 1000000 /dev/zero >/var/tmp/launcher-file"
    bed.fill_disk("h1")
    with pytest.raises(RuntimeError, match="No space left"):
        bed.exec("h1", write)
    bed.empty_disk("h1")
    bed.exec("h1", write)


@pytest.mark.full
@pytest.mark.parametrize(("how", "left"), [("TERM", 0), ("KILL", 1)])
def test_the_engine_stops_and_starts(bed, how, left):
    bed.exec("h1", f"docker run --detach --init --label launcher.run=x --network host {SMALL} sleep 4242")
    bed.stop_docker("h1", how)
    assert bed.ssh("h1", "docker ps").returncode != 0
    assert bed.exec("h1", "pgrep -fc '^sleep 4242' || true") == f"{left}\n"
    bed.start_docker("h1")
    bed.exec("h1", f"docker run --rm --network host {SMALL} true")


def test_another_host_key_is_refused(bed):
    bed.change_host_key("h1")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in bed.ssh("h1", "true").stderr
    bed.restore_host_key("h1")
    assert is_reachable(bed, "h1")


def test_leftovers_are_seen_and_mended(bed):
    bed.exec("h1", f"docker create --name c0 --label launcher.run=x {SMALL} true")
    bed.exec("h1", "mkdir -p /var/tmp/launcher-locks/cpu-0 /dev/shm/launcher-0/x")
    bed.exec("h1", "LAUNCHER_RUN=x setsid -f sleep 60 >/dev/null 2>&1")
    kinds = [line.split("/proc")[0] for line in bed.leftovers("h1")]
    assert kinds == ["container c0", "/dev/shm/launcher-0/x", "/var/tmp/launcher-locks/cpu-0", "process "]
    assert bed.leftovers("h2") == []
    bed.mend()
    assert bed.leftovers("h1") == []


def traces(bed: Testbed) -> list[str]:
    """What a testbed left on this machine."""
    name = bed.environ["TB_PREFIX"]
    network = [path.name for root in ("/sys/class/net", "/run/netns") for path in Path(root).glob(f"{name}*")]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{name}")]
    rules = subprocess.run(["iptables", "-S", "FORWARD"], capture_output=True, text=True).stdout
    mounts = Path("/proc/self/mounts").read_text()
    return [*network, *groups, *bed.path.iterdir(), *[text for text in (rules, mounts) if f"{name} " in text]]


@pytest.mark.full
def test_another_testbed_beside_this_one_leaves_nothing(bed, images):
    with free_bed(images, sshd="MaxSessions 2") as other:
        other.up(1)
        assert "maxsessions 2\n" in other.exec("h1", "sshd -T -f /etc/ssh/testbed_config")
        assert other.addresses["h1"] not in bed.addresses.values()
        assert is_reachable(other, "h1") and is_reachable(bed, "h1")
        other.up(2)
        assert is_reachable(other, "h2")
    assert traces(other) == []


@pytest.mark.full
def test_what_a_killed_session_left_goes_at_the_next_start(bed, images):
    session = (
        "import os, pathlib, signal, sys\n"
        "from tests.cluster.slots import free_bed\n"
        "with free_bed(pathlib.Path(sys.argv[1])) as bed:\n"
        "    bed.up(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", session, str(images)], cwd=Path(__file__).parents[2])
    assert ended.returncode == -signal.SIGKILL
    with free_bed(images) as next_one:
        assert next_one.addresses == {}
        assert traces(next_one) == []
