"""Pretraining data of a corpus of any size in flat memory: part by part, each an exact run with its own seed.

Part k of the corpus becomes shard k. Its random next sentences come from its own documents, and its records
are shuffled among themselves. Nothing depends on who makes it: workers and ranks take every n-th.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tinybert.records.encoding import RecordWriter
from tinybert.records.instances import InstanceOptions, make_instances
from tinybert.records.shards import MANIFEST, complete_manifest, publish, staging_of
from tinybert.stages.artifacts import SCHEMA, read_json, write_json, written_by_rename
from tinybert.stages.share import one_rank_at_a_time
from tinybert.stages.stage import StageError, say
from tinybert.text.flat_corpus import CorpusReader
from tinybert.text.shards import TextShards
from tinybert.text.tokenization import Vocabulary

_COUNTS = ("documents", "sentences", "tokens", "unknown_tokens")


@dataclass(frozen=True)
class Work:
    """What all shards have in common. `staging` holds those that are finished, each with a JSON beside it."""

    text: TextShards
    vocabulary: Vocabulary
    lower_case: bool
    how: InstanceOptions
    seed: int
    directory: Path
    staging: Path

    def part(self, shard: int) -> Path:
        """The file of a shard, until all are there."""
        return self.staging / f"part-{shard:05d}-of-{self.text.count:05d}.tfrecord"

    def is_of_text(self, shard: int, note: dict[str, Any] | None) -> bool:
        """Whether this is the note of a shard that was made of this very text."""
        return note is not None and note["text_sha256"] == self.text.sha256(shard)

    def trace(self, rank: int) -> Path:
        """What a rank leaves at its start, so that others see that they share a directory."""
        return self.staging / f"rank-{rank}"

    def note(self, shard: int) -> Path:
        """What says that a shard is finished, and what is in it."""
        return self.part(shard).with_suffix(".json")

    def finished(self, shard: int) -> dict[str, Any] | None:
        """What is in a finished shard, else None."""
        note, part = read_json(self.note(shard)), self.part(shard)
        if note is None or not note["bytes"]:
            return note
        # publish() was killed if it is in its place already.
        places = (part, self.directory / part.name)
        return note if any(p.is_file() and p.stat().st_size == note["bytes"] for p in places) else None


def seed_of(seed: int, shard: int) -> int:
    """The seed of a shard."""
    return int.from_bytes(hashlib.sha256(f"{seed} {shard}".encode()).digest()[:8], "little")


def manifest_of_text(directory: Path, text: TextShards, made_from: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of a whole data set made from the same, this text too; one of another text is removed."""
    manifest = complete_manifest(directory, made_from)
    if manifest is None or manifest["text_sha256"] == [text.sha256(shard) for shard in range(text.count)]:
        return manifest
    with one_rank_at_a_time(directory):
        if complete_manifest(directory, made_from) == manifest:
            staging_of(directory, made_from)  # shards without a manifest are ours beside this only
            (directory / MANIFEST).unlink()
    return None


def make_shards(work: Work, rank: int, ranks: int, workers: int, made_from: dict[str, Any]) -> None:
    """Make those of every `ranks`-th shard from `rank` on that are not finished, or not of this text.

    Raises StageError where the corpus cannot be used.
    """
    mine = range(rank, work.text.count, ranks)
    with one_rank_at_a_time(work.directory):
        if complete_manifest(work.directory, made_from) is not None:  # other ranks found all finished
            return
        work.staging.mkdir(exist_ok=True)
        work.trace(rank).touch()
        notes = {shard: work.finished(shard) for shard in mine}
    todo = [shard for shard, note in notes.items() if not work.is_of_text(shard, note)]
    say(f"{len(mine)} of {work.text.count} shards are for this rank, {len(mine) - len(todo)} are finished")
    for done, (shard, note) in enumerate(_results(work, todo, min(workers, len(todo))), 1):
        say(f"shard {shard}: {note['instances']} instances; {done} of {len(todo)} shards")


def _results(work: Work, todo: list[int], workers: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """What forked workers say, as it comes. They end with the first that fails."""
    fork = multiprocessing.get_context("fork")
    processes, readers = [], []
    for number in range(workers):
        reader, writer = fork.Pipe(duplex=False)
        process = fork.Process(target=_work, args=(work, todo[number::workers], writer, os.getpid()))
        process.start()
        writer.close()
        processes.append(process)
        readers.append(reader)
    try:
        while readers:
            for reader in wait(readers):
                try:
                    yield _checked(reader.recv())
                except EOFError:
                    readers.remove(reader)
    finally:
        for process in processes:
            if readers:
                process.terminate()
            process.join()
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed:
        raise RuntimeError(f"a worker ended with {failed[0]} (-9: killed, perhaps for want of memory)")


def _checked(said: tuple[int, dict[str, Any]] | str) -> tuple[int, dict[str, Any]]:
    if isinstance(said, str):
        raise StageError(said)
    return said


def _work(work: Work, shards: list[int], writer: Connection, parent: int) -> None:
    reader = CorpusReader(work.vocabulary, work.lower_case)
    for shard in shards:
        if os.getppid() != parent:  # killed: nobody waits for more
            return
        try:
            writer.send((shard, _make_shard(work, reader, shard)))
        except StageError as error:
            writer.send(str(error))
            return
        except OSError as error:
            writer.send(f"cannot make {work.part(shard)}: {error.strerror}; what is finished stays")
            return


def _make_shard(work: Work, reader: CorpusReader, shard: int) -> dict[str, Any]:
    note: dict[str, Any] = {"name": work.part(shard).name, "instances": 0, "bytes": 0}
    digest = hashlib.sha256()
    blocks = _digested(work.text.blocks(shard), digest)
    corpus, counts = reader.read(blocks)
    if counts["tokens"]:  # none where one document is longer than a shard
        instances, order = make_instances(corpus, work.vocabulary, work.how, seed_of(work.seed, shard))
        with written_by_rename(work.part(shard)) as file:
            RecordWriter(corpus, instances, work.vocabulary, work.how).write(file, order)
            note.update(instances=len(order), bytes=file.tell())
    note.update(counts=counts, text_sha256=digest.hexdigest())
    write_json(work.note(shard), note)
    return note


def _digested(blocks: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


def finish(work: Work, ranks: int, made_from: dict[str, Any], more: dict[str, Any]) -> dict[str, Any] | None:
    """Publish the data set, once all shards of all ranks are finished: its manifest, else None."""
    directory = work.directory
    with one_rank_at_a_time(directory):
        manifest = complete_manifest(directory, made_from)
        if manifest is not None:  # another rank was the last
            return _tidied(work, manifest)
        notes = [work.finished(shard) for shard in range(work.text.count)]
        found = [note for note in notes if note is not None]
        if len(found) < len(notes):
            _warn_of_absent(work, ranks)
            return None
        manifest = {"schema": SCHEMA, **made_from, **more, **_sums(found)}
        if not manifest["instances"]:
            raise StageError("the corpus holds no text: no line of it has a token")
        publish(directory, work.staging, manifest)
        return _tidied(work, manifest)


def _tidied(work: Work, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest, once nothing is left but the data set and the lock, which other ranks may wait for."""
    shutil.rmtree(work.staging, ignore_errors=True)
    return manifest


def _sums(notes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "instances": sum(note["instances"] for note in notes),
        "text_sha256": [note["text_sha256"] for note in notes],
        "counts": {name: sum(note["counts"][name] for note in notes) for name in _COUNTS},
        "files": [
            {key: note[key] for key in ("name", "instances", "bytes")} for note in notes if note["bytes"]
        ],
    }


def _warn_of_absent(work: Work, ranks: int) -> None:
    absent = [str(rank) for rank in range(ranks) if not work.trace(rank).exists()]
    if absent:
        say(
            f"warning: rank {', '.join(absent)} left no trace in {work.directory}: it has not begun, or has "
            "a directory of its own, and then no data set becomes complete: let each host make it all "
            "(every_host in jobs/pretraining-data.yaml)"
        )
