"""A camera and its viewer, without a copy on either side: python3 camera.py, in two processes."""

import sys

import numpy
import tism

SHAPE = (480, 640)


def camera(pictures: int) -> None:
    with tism.create("camera", numpy.zeros(SHAPE, "u1")) as topic:
        for n in range(pictures):
            with topic.loan() as guard:
                guard.array[:] = n % 256  # what the driver fills


def viewer() -> None:
    with tism.wait_and_open("camera", type=numpy.dtype(("u1", SHAPE))) as topic:
        while True:
            try:
                topic.wait()
            except tism.ClosedError:
                return
            with topic.read_lock() as guard:
                print("mean", guard.array.mean(), "missed", topic.info.missed)


if __name__ == "__main__":
    viewer() if sys.argv[1:] == ["view"] else camera(1000)
