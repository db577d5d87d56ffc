"""Runs a program that the kernel refuses perf events, as a container's filter does.

    python3 without_perf_events.py PROGRAM ARGUMENT...

See seccomp(2) and linux/filter.h for the numbers.
"""

import ctypes
import os
import platform
import struct
import sys

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}[platform.machine()]
LOAD_NUMBER, RETURN, JUMP_IF_EQUAL = 0x20, 0x06, 0x15
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # with EPERM
NO_NEW_PRIVILEGES, SET_FILTER, FILTER_MODE = 38, 22, 2


def instruction(code, value, jump_true=0, jump_false=0):
    return struct.pack("HBBI", code, jump_true, jump_false, value)


program = ctypes.create_string_buffer(
    instruction(LOAD_NUMBER, 0)
    + instruction(JUMP_IF_EQUAL, PERF_EVENT_OPEN, 0, 1)
    + instruction(RETURN, REFUSE)
    + instruction(RETURN, ALLOW)
)
described = ctypes.create_string_buffer(
    struct.pack("HxxxxxxQ", 4, ctypes.addressof(program))
)
libc = ctypes.CDLL(None, use_errno=True)
for arguments in (
    (NO_NEW_PRIVILEGES, 1, 0, 0, 0),
    (SET_FILTER, FILTER_MODE, ctypes.c_void_p(ctypes.addressof(described)), 0, 0),
):
    if libc.prctl(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
