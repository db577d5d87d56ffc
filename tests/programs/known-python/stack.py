"""Works at the bottom of stacks that are known.

    python3 stack.py calls      plain calls: spin computes, read asks the kernel, key is called by C
    python3 stack.py tasks      coroutines that take turns many times a millisecond
    python3 stack.py hasty      the same, every few microseconds
"""

import asyncio
import sys

# How deep the recursions are, beside their first call.
CALLS = 20
AWAITS = 3
# How long a turn of a coroutine takes.
STEPS = 50 if sys.argv[1] == "hasty" else 400

# Without a buffer, each read of it is one of the system's.
ZEROS = open("/dev/zero", "rb", buffering=0)


def spin(steps=2000):
    x = 1
    for _ in range(steps):
        x = (x * 5 + 1) & 0xFFFF
    return x


def read():
    return ZEROS.read(1 << 18)


def key(number):
    return spin(200)


def sort():
    return sorted(range(10), key=key)


def turn(work, depth):
    if depth:
        return turn(work, depth - 1)
    return work()


def calls():
    while True:
        for work in (spin, read, sort):
            turn(work, CALLS)


async def step(depth):
    if depth:
        return await step(depth - 1)
    spin(STEPS)
    await asyncio.sleep(0)
    return spin(STEPS)


async def serve():
    while True:
        await step(AWAITS)


async def tasks():
    await asyncio.gather(*(serve() for _ in range(16)))


def main():
    print("ready", flush=True)
    if sys.argv[1] in ("tasks", "hasty"):
        asyncio.run(tasks())
    calls()


main()
