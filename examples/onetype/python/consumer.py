"""Prints each attitude until the publisher closes the topic. With the package tism installed (bindings/python):

python3 examples/onetype/python/consumer.py
"""

import tism

from attitude import Attitude

with tism.wait_and_open("attitude", type=Attitude) as topic:
    try:
        while True:
            a = topic.next()
            print(f"{a.time_us}: yaw {a.gyro_rad[2]:.2f} rad/s, {a.battery[1].volts:.1f} V, {a.battery[1].celsius} C", flush=True)
    except tism.ClosedError:
        pass
