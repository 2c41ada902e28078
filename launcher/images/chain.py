"""One parcel along a chain of hosts: each passes on what it has while the rest is still coming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from launcher.errors import LauncherError
from launcher.hosts import RemoteError
from launcher.images.post import Door, Parcel, Post, Spoilt
from launcher.images.progress import await_all, workers
from launcher.spec.wording import in_units

_WAYS = 3
"""Hosts that one tries to fetch from: behind a firewall each costs half a minute, and none will answer."""
Outcome = LauncherError | None


@dataclass(slots=True)
class Chain:
    """The first of `posts` has the parcel.

    `tell` is given progress in words, `stop` raises when it shall end.
    """

    posts: Sequence[Post]
    parcel: Parcel
    tell: Callable[[str], None]
    stop: Callable[[], None]
    _there: dict[str, int] = field(default_factory=dict)
    _loaded: list[str] = field(default_factory=list)
    _over: bool = False

    def run(self) -> dict[str, Outcome]:
        """What went wrong with each receiver, or None, by host label.

        Raises what `stop` raises, all posts being closed.
        """
        receivers = self.posts[1:]
        self._there = dict.fromkeys((post.label for post in receivers), 0)
        with workers(len(receivers)) as pool:
            futures = {
                pool.submit(self._receive, index): post for index, post in enumerate(receivers, start=1)
            }
            try:
                await_all(futures, self._look, self._say)
            except BaseException as error:
                self._over = True
                for post in self.posts:
                    post.close(keep=not isinstance(error, LauncherError))  # a cancelled run leaves nothing
                raise
        return {post.label: future.result() for future, post in futures.items()}

    def _look(self) -> None:
        self.stop()
        self._end_without_source()

    def _say(self) -> None:
        self.tell(progress(self._there, self.parcel.size, self._loaded))

    def _end_without_source(self) -> None:
        """Where the first is lost and none of the others has all, nothing more will come."""
        whole = any(there >= self.parcel.size for there in self._there.values())
        if not whole and not self._over and not self.posts[0].beat():
            self._over = True
            for post in self.posts:
                post.close()

    def _receive(self, index: int) -> Outcome:
        post = self.posts[index]
        try:
            post.room_for(self.parcel.size)
            self._fetch(index)
            post.load()
            self._loaded.append(post.label)
        except LauncherError as error:
            return error
        return None

    def _fetch(self, index: int) -> None:
        """From the host before it, else from two before that one, in the end through this machine."""
        post, before = self.posts[index], self.posts[:index]
        doors = [(upstream.label, upstream.door) for upstream in reversed(before) if upstream.door]
        for label, door in doors[:_WAYS]:
            try:
                return self._fetch_from(post, door)
            except RemoteError as error:
                if self._over:
                    raise
                self.tell(f"{error}; it was fetching from {label}, and tries another way")
        self._relay(post, before)

    def _fetch_from(self, post: Post, door: Door) -> None:
        """Twice, where it arrives spoilt: what an earlier delivery left may have been cut off by power."""
        post.fetch(door, self.parcel, lambda there: self._note(post, there))
        try:
            post.verify(self.parcel)
        except Spoilt as error:
            self.tell(f"{error}; it is fetched anew")
            post.fetch(door, self.parcel, lambda there: self._note(post, there))
            post.verify(self.parcel)

    def _relay(self, post: Post, before: Sequence[Post]) -> None:
        upstream = before[-1]
        why = f": {upstream.reason}" if upstream.reason else ""
        self.tell(f"host {post.label}: from {upstream.label} through this machine{why}")
        try:
            post.take_from(upstream, self.parcel, lambda there: self._note(post, there))
            post.verify(self.parcel)
        except RemoteError as error:
            if len(before) == 1 or self._over:
                raise
            self.tell(f"{error}; it goes on from {before[0].label}")
            self._relay(post, before[:1])

    def _note(self, post: Post, there: int) -> None:
        self._there[post.label] = there


def progress(there: Mapping[str, int], size: int, loaded: Sequence[str]) -> str:
    """How far the last host is, in words."""
    last = min(there, key=lambda label: there[label])
    if there[last] >= size:
        where = f"host {last}" if len(there) == 1 else f"all {len(there)} hosts"
        return f"{in_units(size)} are on {where}, {len(loaded)} of {len(there)} loaded"
    whole = sum(each >= size for each in there.values())
    words = f"{in_units(there[last])} of {in_units(size)} are on host {last}"
    return words if len(there) == 1 else f"{words}, the last; whole on {whole} of {len(there)}"
