import pytest


def test_a_rank_of_a_rank_table(plans, environment):
    made = plans.plan({"ranks": 16}, ascend=True)

    assert environment(made, "9") == {
        "RANK_ID": "9",
        "RANK_SIZE": "16",
        "LAUNCHER_LOCAL_RANKS": "8",
        "DEVICE_ID": "0",
        "RANK_TABLE_FILE": "/run/launcher/rank_table.json",
        "HCCL_CONNECT_TIMEOUT": "600",
        "ASCEND_PROCESS_LOG_PATH": "/run/launcher/LOG9/plog",
        "LAUNCHER_LOG_DIR": "/run/launcher/LOG9",
        "LAUNCHER_KEEP_CHECKPOINTS": "2",
        "GLOG_log_dir": "/run/launcher/LOG9/ms_log",
        "GLOG_logtostderr": "0",
    }


def test_a_rank_of_the_dynamic_mode(plans, environment):
    made = plans.plan(cluster={"work_dir": "/w"})

    assert environment(made, "3") == {
        "MS_WORKER_NUM": "4",
        "MS_SCHED_HOST": "127.0.0.1",
        "MS_SCHED_PORT": "@SCHEDULER_PORT@",
        "RANK_ID": "3",
        "RANK_SIZE": "4",
        "LAUNCHER_LOCAL_RANKS": "4",
        "DEVICE_ID": "3",
        "MS_ROLE": "MS_WORKER",
        "MS_NODE_ID": "3",
        "LAUNCHER_LOG_DIR": "/w/runs/@RUN@/attempt-@ATTEMPT@/LOG3",
        "LAUNCHER_KEEP_CHECKPOINTS": "2",
        "GLOG_log_dir": "/w/runs/@RUN@/attempt-@ATTEMPT@/LOG3/ms_log",
        "GLOG_logtostderr": "0",
    }


def test_the_scheduler_has_no_rank_and_no_device(plans, environment):
    made = plans.plan()

    scheduler = environment(made, "scheduler")
    assert scheduler["MS_ROLE"] == "MS_SCHED"
    assert scheduler["MS_SCHED_PORT"] == environment(made)["MS_SCHED_PORT"]
    assert not scheduler.keys() & {"RANK_ID", "RANK_SIZE", "DEVICE_ID", "MS_NODE_ID"}
    assert scheduler["LAUNCHER_LOG_DIR"].endswith("/LOG_SCHED")


@pytest.mark.parametrize("job", [{"ranks": 1}, {"devices_per_rank": 0, "launch": "none"}, {"launch": "none"}])
def test_ranks_that_need_not_meet_have_no_scheduler(plans, environment, job):
    made = plans.plan(job)

    assert made.launch == "none"
    assert [member.rank for member in made.members] == list(range(made.ranks))
    assert not {"MS_ROLE", "RANK_TABLE_FILE"} & environment(made).keys()


def test_on_several_hosts_the_scheduler_is_at_the_address_of_rank_0(plans, environment):
    made = plans.plan({"ranks": 16, "launch": "dynamic"}, ascend=True)

    assert environment(made, "15")["MS_SCHED_HOST"] == "192.0.2.1"
    assert made.members_of(made.hosts[0])[0].key == "scheduler"
    assert [member.key for member in made.members_of(made.hosts[1])] == [str(rank) for rank in range(8, 16)]


def test_hccl_without_a_rank_table_is_told_its_address_or_interface(plans, environment):
    job = {"launch": "dynamic"}
    host = {"address": "node1", "host_ip": "192.0.2.1"}

    by_address = environment(plans.plan(job, {"hosts": [host]}, ascend=True))
    by_interface = environment(plans.plan(job, {"hosts": [{**host, "ifname": "eth1"}]}, ascend=True))
    assert by_address["HCCL_IF_IP"] == "192.0.2.1"
    assert by_interface["HCCL_SOCKET_IFNAME"] == "eth1"
    assert "HCCL_IF_IP" not in by_interface
    assert "HCCL_IF_IP" not in environment(plans.plan(ascend=True))


def test_on_a_network_of_ipv6_hccl_and_the_dynamic_mode_are_told_so(plans, environment):
    hosts = [{"address": f"node{n}", "host_ip": f"2001:db8::{n}", "ifname": "eth1"} for n in (1, 2)]

    dynamic = environment(plans.plan({"ranks": 16, "launch": "dynamic"}, {"hosts": hosts}, ascend=True), "9")
    assert dynamic["MS_SCHED_HOST"] == "2001:db8::1"
    assert dynamic["MS_WORKER_IP"] == "2001:db8::2"
    assert dynamic["HCCL_SOCKET_FAMILY"] == "AF_INET6"
    by_address = environment(
        plans.plan({"launch": "dynamic"}, {"hosts": [{**hosts[0], "ifname": None}]}, ascend=True)
    )
    assert by_address["HCCL_IF_IP"] == "2001:db8::1" and "HCCL_SOCKET_FAMILY" not in by_address
    of_ipv4 = environment(plans.plan({"ranks": 16, "launch": "dynamic"}, ascend=True), "9")
    assert not {"MS_WORKER_IP", "HCCL_SOCKET_FAMILY"} & of_ipv4.keys()


@pytest.mark.parametrize(("mode", "device"), [("logical", "0"), ("physical", "3")])
def test_the_device_that_a_container_sees_is_a_setting(plans, environment, mode, device):
    made = plans.plan(cluster={"driver": {"device_id_in_container": mode}}, ascend=True)

    assert environment(made, "3")["DEVICE_ID"] == device
    assert made.members[3].device == 3


def test_never_the_visible_devices_of_a_privileged_container(plans, environment):
    assert "ASCEND_RT_VISIBLE_DEVICES" not in environment(plans.plan(ascend=True))


def test_the_environment_of_the_job_wins(plans, environment):
    job = {"env": {"ZED": "1", "A_B": "two words", "GLOG_logtostderr": "1"}}

    made = environment(plans.plan(job))

    assert made["GLOG_logtostderr"] == "1"
    assert list(made)[-3:] == ["A_B", "GLOG_logtostderr", "ZED"]
    assert environment(plans.plan(job), "scheduler")["A_B"] == "two words"


def test_the_glog_directory_of_a_container_has_only_characters_that_mindspore_takes(plans, environment):
    made = plans.plan(cluster={"work_dir": "/data/v1.2 x"}, ascend=True)

    directory = environment(made)["GLOG_log_dir"]
    assert directory.replace("/", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("timeout", "expected"), [("600s", None), (1835, None), (1836, "3672"), ("7200s", "9036")]
)
def test_hccl_connects_in_less_time_than_it_executes(plans, environment, timeout, expected):
    made = environment(plans.plan({"timeouts": {"hccl_connect": timeout}}, ascend=True))

    assert made.get("HCCL_EXEC_TIMEOUT") == expected


@pytest.mark.parametrize(
    "env",
    [
        {"HCCL_EXEC_TIMEOUT": "600"},
        {"HCCL_EXEC_TIMEOUT": "130", "HCCL_CONNECT_TIMEOUT": "130"},
    ],
)
def test_own_timeouts_of_hccl_in_the_wrong_order_are_refused(plans, env):
    (problem,) = plans.problems({"env": env}, ascend=True)

    connect = env.get("HCCL_CONNECT_TIMEOUT", "600")
    assert (
        f"HCCL_EXEC_TIMEOUT is {env['HCCL_EXEC_TIMEOUT']}, but must be above HCCL_CONNECT_TIMEOUT ({connect})"
        in (problem)
    )
    assert problem.startswith("job.yaml:")


@pytest.mark.parametrize("execute", ["0", "601", "never"])
def test_other_timeouts_of_hccl_are_left_to_the_job(plans, environment, execute):
    made = environment(plans.plan({"env": {"HCCL_EXEC_TIMEOUT": execute}}, ascend=True))

    assert made["HCCL_EXEC_TIMEOUT"] == execute


def test_an_own_connect_timeout_counts(plans, environment):
    made = environment(plans.plan({"env": {"HCCL_CONNECT_TIMEOUT": "2000"}}, ascend=True))

    assert made["HCCL_CONNECT_TIMEOUT"] == "2000"
    assert made["HCCL_EXEC_TIMEOUT"] == "3836"
