"""Real adapters that die, or find their service gone, at a chosen call."""

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """As if the process had been killed there."""


class Mortal:
    """An adapter whose calls are counted over all that share the counter; the chosen one is its last."""

    def __init__(self, adapter: object, counter: "Counter") -> None:
        self._adapter = adapter
        self._counter = counter

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._adapter, name)
        return self._counter.counting(method) if callable(method) else method


class Counter:
    """Counts calls; before, or just after, number `fatal` it raises what it was given."""

    def __init__(self, fatal: int, error: BaseException, *, after: bool = False) -> None:
        self.calls = 0
        self._fatal = fatal
        self._error = error
        self._after = after

    def counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a call."""

        def call(*args: Any, **options: Any) -> Any:
            self.calls += 1
            fatal = self.calls == self._fatal
            if fatal and not self._after:
                raise self._error
            answer = method(*args, **options)
            if fatal:
                raise self._error
            return answer

        return call
