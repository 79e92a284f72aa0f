"""The figures of a run as TensorBoard reads them: `tensorboard --logdir RUN`."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

# Not its SummaryWriter: that writes in a thread, and waits for ever once the disk is full.
from tensorboardX.record_writer import RecordWriter

_FLUSH_EVERY = 10.0  # seconds


class EventFile:
    """One file of events; a resumed run writes another, which overrules the first.

    Args:
        folder: Where it is written.
        resumed_at: Steps done before; TensorBoard drops what an older file says of later ones.
            0 removes the older files.
    """

    def __init__(self, folder: Path, resumed_at: int) -> None:
        if resumed_at == 0:
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
        name = f"events.out.tfevents.{time.time():.0f}.{secrets.token_hex(4)}"
        self._writer = RecordWriter(str(folder.resolve() / name))
        self._write(Event(file_version="brain.Event:2"))
        started = SessionLog(status=SessionLog.START)
        self._write(Event(step=resumed_at + 1, session_log=started))
        self.flush()

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step."""
        values = [Summary.Value(tag=name, simple_value=one) for name, one in figures.items()]
        self._write(Event(step=step, summary=Summary(value=values)))
        if time.monotonic() - self._flushed > _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Bring what is written to the disk."""
        self._flushed = time.monotonic()
        self._writer.flush()

    def close(self) -> None:
        """Bring the rest to the disk."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
