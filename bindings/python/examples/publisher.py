"""Publishes an attitude a hundred times a second. Stop it with Ctrl-C; start it again: it goes on."""

import sys
import time

import tism
from attitude import Attitude


def main(count: float) -> None:
    with tism.create("attitude", type=Attitude, resume=True) as topic:
        n = 0
        while n < count:
            n += 1
            topic.write(Attitude(time.monotonic_ns() // 1000, (1, 0, 0, n % 100 / 100)))
            time.sleep(0.01)


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else float("inf"))
    except KeyboardInterrupt:
        pass
