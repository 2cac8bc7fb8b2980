"""Prints attitudes as they come, the newest each time, until their publisher closes the topic."""

import tism
from attitude import Attitude


def main() -> None:
    with tism.wait_and_open("attitude", type=Attitude) as topic:
        for value in topic:
            print(f"{value.time_us / 1e6:.2f} s, q {value.q[:]}, {topic.staleness() * 1e6:.0f} us old", flush=True)
    print("closed by its publisher")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
