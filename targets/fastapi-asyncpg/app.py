"""An API that reads users from PostgreSQL, on FastAPI and asyncpg.

DATABASE_URL names the database, DB_POOL how many connections each worker may open."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

COLUMNS = "id, email, full_name, age, country_code, is_active, created_at"
FIND_USER = f"SELECT {COLUMNS} FROM users WHERE id = $1"
LIST_USERS = f"SELECT {COLUMNS} FROM users ORDER BY id LIMIT $1 OFFSET $2"
COUNT_USERS = "SELECT count(*) FROM users"


class User(BaseModel):
    """A user as it is stored and as the API gives it."""

    id: UUID
    email: str
    full_name: str
    age: int
    country_code: str
    is_active: bool
    created_at: datetime


class Page(BaseModel):
    """A page of users as the API gives it."""

    items: list[User]
    limit: int
    offset: int
    total: int


class Health(BaseModel):
    status: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens all connections before the first request: none has to be made while others are
    measured."""
    size = int(os.environ["DB_POOL"])
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=size, max_size=size
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def pool_of(request: Request) -> asyncpg.Pool:
    return request.app.state.pool


Pool = Annotated[asyncpg.Pool, Depends(pool_of)]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, lt=2**63)]


@app.get("/healthz")
async def health() -> Health:
    return Health(status="ok")


@app.get("/users/{user_id}", response_model=User)
async def one(user_id: UUID, pool: Pool) -> User | Response:
    row = await pool.fetchrow(FIND_USER, user_id)
    if row is None:
        return JSONResponse({"error": "not_found"}, status_code=404)
    return User(**row)


@app.get("/users")
async def page(pool: Pool, limit: Limit = 50, offset: Offset = 0) -> Page:
    rows = await pool.fetch(LIST_USERS, limit, offset)
    total = await pool.fetchval(COUNT_USERS)
    return Page(items=[User(**row) for row in rows], limit=limit, offset=offset, total=total)
