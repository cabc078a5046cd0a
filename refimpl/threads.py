"""What a function hands to other threads runs in its frames, for as long as they last.

There it reads what the function would, and a traced value or a write is refused by name; without
frames it would be like any thread that merely reads a state meanwhile, and see a constant. Python
has no other way to learn who starts a thread, or hands work to the threads of a pool, than to
stand in their way. Work that reaches a thread otherwise, such as through a queue, is nobody's.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Thread
from typing import Any

from .frames import stack
from .memory import apart_in_helper
from .typing import Function


def _below(run: Function) -> Function:
    frames = stack.frames.copy()
    for frame in frames:
        frame.heirs.append(frames)

    def run_below(*args: Any, **kwargs: Any) -> Any:
        own, stack.frames = stack.frames, frames
        try:
            with apart_in_helper() if frames else nullcontext():
                return run(*args, **kwargs)
        finally:
            stack.frames = own

    return run_below


def _start_below(self: Thread) -> None:
    if stack.frames:
        self.run = _below(self.run)  # type: ignore[method-assign]
    _start(self)


def _submit_below(self: Any, fn: Function, /, *args: Any, **kwargs: Any) -> Any:
    # Without frames, too, as the thread may have begun in those of somebody else.
    return _submit(self, _below(fn), *args, **kwargs)


_start, _submit = Thread.start, ThreadPoolExecutor.submit
Thread.start = _start_below  # type: ignore[method-assign]
ThreadPoolExecutor.submit = _submit_below  # type: ignore[method-assign]
