"""The rival that a good Python programmer would write in a day: psycopg 3 with a binary server-side cursor, orjson, and
aiohttp with keep-alive and several posts in flight. It keeps no state, retries nothing and forgets everything when it
is killed; it is here for its speed.

Reads BENCH_DSN, BENCH_QUERY, BENCH_URL and BENCH_CONCURRENCY from the environment. The query's first two columns are
userId and timestamp; the others become traits.
"""

import asyncio
import os
from decimal import Decimal

import aiohttp
import orjson
import psycopg

MAX_BODY = 450_000
FETCH = 10_000


def encode(value):
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value))


class Poster:
    """Posts bodies, at most `concurrency` of them at a time."""

    def __init__(self, http, url, concurrency):
        self.http, self.url = http, url
        self.free, self.tasks = asyncio.Semaphore(concurrency), set()

    async def post(self, calls):
        await self.free.acquire()
        task = asyncio.create_task(self.send(b'{"batch":[' + b",".join(calls) + b"]}"))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def send(self, body):
        try:
            async with self.http.post(self.url, data=body) as answer:
                await answer.read()
                answer.raise_for_status()
        finally:
            self.free.release()


async def main():
    concurrency = int(os.environ["BENCH_CONCURRENCY"])
    headers = {"content-type": "application/json", "authorization": "Basic eDo="}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        poster = Poster(http, os.environ["BENCH_URL"], concurrency)
        async with await psycopg.AsyncConnection.connect(os.environ["BENCH_DSN"]) as connection:
            async with connection.cursor(name="rows", binary=True) as cursor:
                await cursor.execute(os.environ["BENCH_QUERY"], binary=True)
                names = [column.name for column in cursor.description][2:]
                calls, size = [], 0
                while rows := await cursor.fetchmany(FETCH):
                    for user, timestamp, *traits in rows:
                        call = orjson.dumps(
                            {
                                "messageId": f"run-{user}",
                                "type": "identify",
                                "userId": str(user),
                                "timestamp": timestamp,
                                "traits": dict(zip(names, traits)),
                            },
                            default=encode,
                        )
                        if size + len(call) > MAX_BODY:
                            await poster.post(calls)
                            calls, size = [], 0
                        calls.append(call)
                        size += len(call) + 1
                if calls:
                    await poster.post(calls)
        await asyncio.gather(*poster.tasks)


asyncio.run(main())
