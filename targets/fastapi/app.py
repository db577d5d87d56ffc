"""A small server on FastAPI: a short hello, 20 users serialized to JSON for each request, and a
wait of 1 ms."""

import asyncio
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel


class User(BaseModel):
    """A user as /v1/user lists it."""

    model_config = ConfigDict(alias_generator=to_camel)

    created_at: str
    name: str
    avatar: str
    id: str


USERS_FILE = Path(__file__).parent.parent / "hyper" / "users.json"
USERS = TypeAdapter(list[User]).validate_json(USERS_FILE.read_bytes())

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
async def hello() -> str:
    return "Hello, World!\n"


@app.get("/io", response_class=PlainTextResponse)
async def wait() -> str:
    await asyncio.sleep(0.001)
    return "ok"


@app.get("/v1/user")
async def users(response: Response) -> list[User]:
    """The users, serialized anew for each request: that work is what the study measured."""
    response.headers["engine"] = "fastapi"
    response.headers["location"] = "/v1/user"
    return USERS
