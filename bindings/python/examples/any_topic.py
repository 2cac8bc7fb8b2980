"""Prints any topic by name, whatever it holds: python3 any_topic.py attitude"""

import asyncio
import sys

import tism


async def main(name: str) -> None:
    with await tism.wait_and_open_async(name) as topic:
        print(topic.type, end="")
        async for value in topic:
            print(value, flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        pass
