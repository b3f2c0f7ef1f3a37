"""A sweep in a bucket as a folder on this machine, for everything that reads folders.

The copies lie in `~/.cache/ratefront` (or `RATEFRONT_CACHE`). One process uses a copy at a time;
another takes the next one beside it. What is there already is not brought again, and what a command
writes beside the log (pages, tables) goes up when it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from itertools import count
from pathlib import Path
from typing import IO, Any

from cluster.storage import archives
from cluster.storage.archives import CODEC, MOTION, RECORD, Archive
from cluster.storage.bucket import Bucket, Kept
from cluster.storage.location import Location
from cluster.storage.locks import taken
from cluster.storage.log_file import LOCK_NAME
from cluster.storage.segments import JOINED, SEGMENTS, SegmentReader
from search_spaces.errors import BadInput
from search_spaces.record import CODEC_FOLDER, LOG_FILE, OWNER_FILE, SPEC_FILE, TRIALS_FOLDER

_INDEX, _LOCK = "index.json", "lock"
_CARRIERS = 16
FOLLOW_SECONDS = 10.0
"""Between two looks at a sweep that runs elsewhere."""
_OWN = (SEGMENTS, JOINED, TRIALS_FOLDER)


class Extent(IntEnum):
    """How much of a sweep is brought."""

    LOG = 0
    """The log and the specification."""
    PAGE = 1
    """What pages and tables are made of."""
    ALL = 2
    """Weights and reconstructions, too."""


_KINDS = {
    Extent.LOG: frozenset[str](),
    Extent.PAGE: frozenset({RECORD}),
    Extent.ALL: frozenset({RECORD, CODEC, MOTION}),
}


class Mirror:
    """A copy that this process holds.

    Attributes:
        location: of the sweep.
        folder: of the copy, as a sweep's directory.
        owned: whether this process writes the log, so that the copy's is up to date.
        fenced: whether another took over from this process, which may send nothing any more.
    """

    def __init__(self, location: Location, slot: Path, lock: IO[str]) -> None:
        """Of a slot whose lock is held; brings nothing yet."""
        self.location = location
        self.folder = slot / location.name
        self.owned = self.fenced = False
        self._lock = lock
        self._index_file = slot / _INDEX
        self._index: dict[str, dict[str, Any]] = _read_index(self._index_file)
        self._bucket: Bucket | None = None
        self._reader: SegmentReader | None = None
        self.epochs: Mapping[str, int] = {}

    @property
    def bucket(self) -> Bucket:
        """What it is a copy of."""
        if self._bucket is None:
            self._bucket = Bucket(self.location)
        return self._bucket

    def taken(self) -> bool:
        """Whether something lies there."""
        return bool(self.bucket.listed())

    def clear(self) -> None:
        """An empty copy."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._index.clear()
        self._reader = None

    def refresh(self, extent: Extent) -> None:
        """Brings what is new.

        Raises:
            BadInput: no sweep lies there, or its log is damaged.
        """
        self._bring_log()
        if extent == Extent.LOG:
            return
        listed = self.bucket.listed()
        plain = [k for k in listed if k.key.partition("/")[0] not in _OWN and k.key != OWNER_FILE]
        kinds = _KINDS[extent]
        found = archives.archives(listed)
        wanted = [(a, k) for a, k in found if a.kind in kinds and self._counts(a)]
        there = {a.trial for a, _ in found if a.kind == CODEC}
        for folder in (self.folder / TRIALS_FOLDER).glob(f"*/{CODEC_FOLDER}"):
            if folder.parent.name not in there:
                shutil.rmtree(folder, ignore_errors=True)
        with ThreadPoolExecutor(_CARRIERS) as carriers:
            list(carriers.map(self._bring_file, plain))
            list(carriers.map(lambda pair: self._bring_archive(*pair), wanted))
        self._keep_index()

    def _counts(self, archive: Archive) -> bool:
        """Whether an archive is of the owner that wrote the trial's points down."""
        return self.epochs.get(archive.trial, -1) == archive.epoch

    def _bring_log(self) -> None:
        if self.owned:
            return
        fresh = self._reader is None
        reader = self._reader or SegmentReader(self.bucket)
        segments = reader.read()
        self.epochs = reader.epochs
        if fresh:
            said = self.bucket.read(SPEC_FILE)
            if said is None and not segments:
                raise BadInput(
                    f"{self.location} is no sweep (it holds no {SPEC_FILE}); give the place that "
                    "was named by --out"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            if said is not None:
                (self.folder / SPEC_FILE).write_bytes(said[0])
                self.note_sent(SPEC_FILE)
        self.write_log((s.events for s in segments), anew=fresh)
        self._reader = reader
        self.date_log(reader.modified)

    def write_log(self, events: Iterable[bytes], *, anew: bool) -> None:
        """Adds lines to the copy of the log, or writes it anew."""
        place = self.folder / LOG_FILE
        if not anew:
            with place.open("ab") as log:
                log.writelines(events)
            return
        part = self.folder / f"{LOG_FILE}.part"
        with part.open("wb") as log:
            log.writelines(events)
        part.replace(place)

    def date_log(self, modified: float) -> None:
        """The copy is as old as its last event: a page that is younger is up to date."""
        if modified:
            os.utime(self.folder / LOG_FILE, (modified, modified))

    def _bring_file(self, kept: Kept) -> None:
        place = self.folder / kept.key
        known = self._index.get(kept.key, {})
        here = _stamp(place)
        same = here is not None and known.get("here") == here and here[0] == kept.size
        # Of what went up from here the listing's time is learnt only now.
        if not same or known["there"] not in ([kept.size, kept.modified], None):
            self.bucket.get(kept.key, place)
            os.utime(place, (kept.modified, kept.modified))
        self._index[kept.key] = {"there": [kept.size, kept.modified], "here": _stamp(place)}

    def _bring_archive(self, archive: Archive, kept: Kept) -> None:
        folder = self.folder / TRIALS_FOLDER / archive.trial
        there = [kept.size, kept.modified]
        known = self._index.get(archive.key, {}).get("there") == there
        gone = archive.kind == CODEC and not (folder / CODEC_FOLDER).is_dir()
        if not known or gone or not folder.is_dir():
            archives.bring(self.bucket, archive, folder)
        self._index[archive.key] = {"there": there}

    def send(self) -> list[str]:
        """Sends files beside the log that changed here; returns their keys."""
        if self.fenced:
            return []
        changed = [key for key, file in self._own_files() if self._changed(key, file)]
        with ThreadPoolExecutor(_CARRIERS) as carriers:
            list(carriers.map(lambda key: self.bucket.put(key, self.folder / key), changed))
        for key in changed:
            self._index[key] = {"there": None, "here": _stamp(self.folder / key)}
        if changed:
            self._keep_index()
        return changed

    def _own_files(self) -> Iterable[tuple[str, Path]]:
        for file in sorted(self.folder.rglob("*")):
            path = file.relative_to(self.folder)
            hidden = any(p.startswith(".") or p.endswith(".part") for p in path.parts)
            mine = path.parts[0] not in (LOG_FILE, OWNER_FILE, TRIALS_FOLDER, LOCK_NAME)
            if mine and not hidden and file.is_file() and not file.is_symlink():
                yield path.as_posix(), file

    def _changed(self, key: str, file: Path) -> bool:
        return self._index.get(key, {}).get("here") != _stamp(file)

    def note_sent(self, key: str) -> None:
        """A file that went up by another way is not sent again."""
        self._index[key] = {"there": None, "here": _stamp(self.folder / key)}

    def _keep_index(self) -> None:
        part = self._index_file.with_suffix(".part")
        part.write_text(json.dumps(self._index))
        part.replace(self._index_file)

    def release(self) -> None:
        """Lets another process use this copy."""
        _HELD.pop(self.location, None)
        self._lock.close()


_HELD: dict[Location, Mirror] = {}
"""Of this process."""


def hold(location: Location) -> Mirror:
    """This process's copy of a sweep; brings nothing."""
    if location not in _HELD:
        base = cache() / hashlib.sha256(str(location).encode()).hexdigest()[:16]
        for number in count():
            slot = base / str(number)
            slot.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (slot / _LOCK).open("w")
            try:
                if taken(lock):
                    _HELD[location] = Mirror(location, slot, lock)
                    break
            except BadInput as error:
                lock.close()
                raise BadInput(f"{error} (RATEFRONT_CACHE names it)") from None
            lock.close()
    return _HELD[location]


def cache() -> Path:
    """Where copies lie: in `RATEFRONT_CACHE`, or in the XDG cache folder."""
    if own := os.environ.get("RATEFRONT_CACHE"):
        return Path(own).absolute()
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home).absolute() / "ratefront"


def mirror_of(folder: Path) -> Mirror | None:
    """The copy that a folder is; None for a folder of its own."""
    where = folder.absolute()
    return next((m for m in _HELD.values() if m.folder == where), None)


def refresh(folder: Path, extent: Extent = Extent.PAGE) -> None:
    """Brings what is new where a folder is a copy; nothing where it is a sweep's own."""
    if (mirror := mirror_of(folder)) is not None:
        mirror.refresh(extent)


def beside(folder: Path, name: str) -> Path | None:
    """A place beside a sweep's, for a new one; None where something lies there."""
    mirror = mirror_of(folder)
    if mirror is None:
        place = folder.with_name(name)
        return None if place.exists() else place
    other = hold(mirror.location.beside(name))
    if other.taken():
        other.release()
        return None
    return other.folder


@contextlib.contextmanager
def following(folder: Path, extent: Extent | None) -> Iterator[None]:
    """While a folder is looked at, its copy follows the sweep; nothing where it is a sweep's own.

    Args:
        folder: the sweep's.
        extent: how much is brought; None where nobody goes on looking.
    """
    mirror = mirror_of(folder)
    if mirror is None or extent is None:
        yield
        return
    over = threading.Event()

    def follow() -> None:
        while not over.wait(FOLLOW_SECONDS):
            with contextlib.suppress(BadInput, OSError):
                mirror.refresh(extent)

    follower = threading.Thread(target=follow, daemon=True, name="mirror")
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def bring_weights(folder: Path, trial: str) -> None:
    """A trial's codec, where a folder is a copy; nothing where it is a sweep's own."""
    mirror = mirror_of(folder)
    if mirror is None or (folder / TRIALS_FOLDER / trial / CODEC_FOLDER).is_dir():
        return
    epoch = mirror.epochs.get(trial)
    if epoch is not None:
        place = folder / TRIALS_FOLDER / trial
        with contextlib.suppress(FileNotFoundError):
            archives.bring(mirror.bucket, Archive(trial, epoch, CODEC), place)


def shown(folder: Path) -> str:
    """What a person calls a sweep's folder: its URI where it is a copy."""
    mirror = mirror_of(folder)
    return str(mirror.location if mirror is not None else folder)


def send_all(say: Callable[[str], object]) -> None:
    """Sends what a command wrote into copies; says where it is, and where it could not be sent."""
    for mirror in list(_HELD.values()):
        if not mirror.folder.is_dir():
            continue
        try:
            if sent := mirror.send():
                say(f"{mirror.location}: {len(sent)} file(s) sent; a copy is {mirror.folder}")
        except (BadInput, OSError) as error:
            say(f"{mirror.location}: not sent ({error}); a copy is {mirror.folder}")


def _stamp(file: Path) -> list[int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _read_index(place: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
