"""A circuit breaker: who failed again and again is left alone for a while."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from baukasten_core.errors import BaukastenError, ProviderUnavailable

FAILURES = 10
SECONDS = 5.0


class Breaker:
    """Counts the failures in a row of one upstream.

    After `failures` of them it lets one call through every `seconds`; the first that succeeds
    ends that.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._failed = 0
        self._until = 0.0
        self._last = ""

    def require(self) -> None:
        """Raises `ProviderUnavailable` instead of asking what won't answer."""
        if self._failed < self._most:
            return
        left = self._until - self._clock()
        if left > 0:
            raise ProviderUnavailable(
                f"{self._last} (So it was {self._failed} times in a row; it is asked again in "
                f"{math.ceil(left)} s.)",
                retry_after=math.ceil(left),
            )
        self._until = self._clock() + self._seconds  # this call tries; others wait for it

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self, error: BaukastenError) -> None:
        self._failed += 1
        self._last = error.detail
        self._until = self._clock() + self._seconds
