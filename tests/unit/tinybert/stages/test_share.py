from __future__ import annotations

from threading import Thread

import pytest
from tinybert.stages.share import one_rank_at_a_time, share_of
from tinybert.stages.stage import StageError


@pytest.mark.parametrize(
    ("env", "share"),
    [
        ({}, "abcde"),
        ({"RANK_ID": "", "RANK_SIZE": ""}, "abcde"),
        ({"RANK_ID": "0", "RANK_SIZE": "2"}, "ace"),
        ({"RANK_ID": "1", "RANK_SIZE": "2"}, "bd"),
        ({"RANK_ID": "6", "RANK_SIZE": "7"}, ""),
    ],
)
def test_share(env, share):
    assert share_of("abcde", env) == list(share)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"RANK_ID": "2", "RANK_SIZE": "2"}, "RANK_ID is 2, but RANK_SIZE is 2"),
        ({"RANK_ID": "x", "RANK_SIZE": "2"}, "RANK_ID is 'x'"),
        ({"RANK_SIZE": "-1"}, "RANK_SIZE is '-1'"),
        ({"MS_ROLE": "MS_SCHED"}, "needs no scheduler"),
    ],
)
def test_ranks_that_do_not_fit(env, message):
    with pytest.raises(StageError, match=message):
        share_of("abc", env)


def test_one_rank_at_a_time(tmp_path, capfd):
    order = []

    def other():
        with one_rank_at_a_time(tmp_path):
            order.append("other")

    with one_rank_at_a_time(tmp_path):
        thread = Thread(target=other)
        thread.start()
        while "waiting for another rank" not in capfd.readouterr().err:
            pass
        order.append("first")
    thread.join()
    assert order == ["first", "other"]
