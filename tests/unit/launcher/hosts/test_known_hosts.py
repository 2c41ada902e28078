"""Lines of known_hosts, as sshd(8) describes them, to the keys of one host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from paramiko import ECDSAKey, PKey
from paramiko.hostkeys import HostKeys

from launcher.hosts.known_hosts import known_keys

ONE, TWO = ECDSAKey.generate(), ECDSAKey.generate()


def line(names: str, key: PKey = ONE, marker: str = "") -> str:
    return f"{marker}{' ' if marker else ''}{names} {key.get_name()} {key.get_base64()} a comment\n"


@pytest.fixture
def known(tmp_path: Path):
    """Keys that files of these texts have for a host."""

    def read(name: str, *texts: str):
        files = [tmp_path / str(number) for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return known_keys(files, name)

    return read


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("node1", "node1"),
        ("Node1", "nODE1"),
        ("other,node1,192.0.2.1", "node1"),
        ("other,node1,192.0.2.1", "192.0.2.1"),
        ("[node1]:2222", "[node1]:2222"),
        ("[2001:db8::1]:2222", "[2001:db8::1]:2222"),
        ("2001:db8::1", "2001:db8::1"),
        ("node?", "node1"),
        ("*.example,!bad.example", "good.example"),
        ("[node*]:22??", "[node17]:2222"),
        pytest.param(HostKeys.hash_host("node1"), "node1", id="hashed"),
        pytest.param(HostKeys.hash_host("[node1]:2222"), "[node1]:2222", id="hashed-port"),
    ],
)
def test_a_line_that_is_of_a_host(known, names: str, name: str) -> None:
    assert known(name, line(names)).trusted == (ONE,)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("node1", "node10"),
        ("node1", "[node1]:2222"),
        ("[node1]:2222", "node1"),
        ("[node1]:2222", "[node1]:2223"),
        ("node?", "node"),
        ("node1.example", "node1xexample"),
        ("*.example,!bad.example", "bad.example"),
        ("!bad.example,*.example", "bad.example"),
        pytest.param(HostKeys.hash_host("node1"), "node2", id="hashed"),
        ("no|de1", "node1"),
    ],
)
def test_a_line_that_is_not(known, names: str, name: str) -> None:
    assert known(name, line(names)).trusted == ()


def test_keys_of_all_lines_and_files_are_known(known) -> None:
    assert known("a", line("a") + line("b", TWO), line("a", TWO)).trusted == (ONE, TWO)


def test_a_key_that_is_revoked_is_never_trusted(known) -> None:
    keys = known("a", line("a") + line("*", ONE, "@revoked") + line("b", TWO, "@revoked"))
    assert (keys.trusted, keys.revoked) == ((ONE,), (ONE,))
    assert known("a", line("a", ONE, "@revoked").replace("@revoked ", "@revoked\t")).revoked == (ONE,)


def test_certificate_authorities_vouch_for_nobody(known) -> None:
    assert known("a", line("a", ONE, "@cert-authority")).trusted == ()


def test_what_is_no_key_is_passed_over(known) -> None:
    odd = "\n# a comment\n#a ssh-rsa AAAA\na\na ssh-rsa\na ssh-rsa A\na ssh-quantum AAAA\n@revoked\n   \n"
    assert known("a", odd + "\t" + line("a")).trusted == (ONE,)


@pytest.mark.parametrize("damaged", ["a ssh-rsa AAAA", "|1|no hash ssh-rsa A", "|1|AAAA|AAAA ssh-rsa A"])
def test_a_damaged_line_hides_no_other(known, damaged: str) -> None:
    assert known("a", f"{damaged}\n{line('a')}").trusted == (ONE,)


def test_files_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    assert known_keys([tmp_path / "none", tmp_path], "a").trusted == ()


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "known").write_bytes(b"\xff\xfe ssh-rsa AAAA\n" + line("a").encode())
    assert known_keys([tmp_path / "known"], "a").trusted == (ONE,)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(line("a"))
    assert known_keys([file], "a").trusted == (ONE,)
    file.write_text(line("a", TWO))
    os.utime(file, ns=(1, 1))
    assert known_keys([file], "a").trusted == (TWO,)


def test_any_name_is_only_a_name(known, hostile: str) -> None:
    assert known(hostile, line("a")).trusted == ()
    assert known("a", f"{hostile} {ONE.get_name()} {ONE.get_base64()}\n", line("a")).trusted[-1] == ONE
