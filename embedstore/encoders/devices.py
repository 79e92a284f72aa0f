"""Where the arithmetic runs, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from embedstore.errors import NoDevice


def choose(name: str) -> torch.device:
    """Turn a name into a device that is there.

    Args:
        name: "auto" for a GPU where one works, or a name that torch knows, such as "cuda:1".

    Returns:
        The device.

    Raises:
        NoDevice: It is not there, or torch knows no such name.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise NoDevice(
            f"device {name!r} cannot be used ({reason}); expected auto, cpu or a GPU of this "
            "machine; run `embedstore doctor` to see which there are, or use --device cpu"
        ) from error
    if device.type == "meta":
        raise NoDevice("device 'meta' computes nothing; expected auto, cpu or a GPU")
    return device


def fast_dtype(device: torch.device) -> torch.dtype:
    """Give bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    if device.type == "cpu" and {"avx512_bf16", "amx_bf16"} & _cpu_flags():
        return torch.bfloat16
    return torch.float32


def explain() -> str:
    """Say which device and precision encoders take on this machine, and why."""
    device = choose("auto")
    precision = str(fast_dtype(device)).removeprefix("torch.")
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {precision}"
    build = "has no CUDA" if torch.version.cuda is None else "finds no GPU it can use"
    return f"cpu, {torch.get_num_threads()} threads, {precision} where it pays: this torch {build}"


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()  # not Linux: emulated bfloat16 would be slower than float32
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: others that wait may spin, or wait for a core that is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
