"""The type that both programs share: what `tism gen` would write for the Go struct."""

import ctypes


class Attitude(ctypes.Structure):
    _fields_ = [("time_us", ctypes.c_uint64), ("q", ctypes.c_float * 4)]
