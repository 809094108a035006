"""A web API whose results are cached for 60 s, by fastapi-cache and redis.asyncio: nothing in here knows that the server is cachette-server."""

import asyncio
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_cache import FastAPICache
from fastapi_cache.backends.redis import RedisBackend
from fastapi_cache.decorator import cache
from redis import asyncio as aioredis

queries = 0


@asynccontextmanager
async def lifespan(_: FastAPI):
    redis = aioredis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"))
    FastAPICache.init(RedisBackend(redis), prefix="api")
    yield
    await redis.close()


app = FastAPI(lifespan=lifespan)


@app.get("/users/{user_id}")
@cache(expire=60)
async def user(user_id: int):
    global queries
    queries += 1
    await asyncio.sleep(0.03)
    return {"id": user_id, "name": f"user {user_id}"}

