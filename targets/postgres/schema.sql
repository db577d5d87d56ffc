-- The users of the API that reads a database: one table, the same for every target.
--
-- The primary key serves both what is asked: one user, and a page in the order of ids. Nothing
-- writes after the seed, so a vacuum in the middle of a measurement would only be noise.

CREATE TABLE users (
    id           uuid        PRIMARY KEY,
    email        text        NOT NULL,
    full_name    text        NOT NULL,
    age          integer     NOT NULL CHECK (age BETWEEN 18 AND 90),
    country_code char(2)     NOT NULL,
    is_active    boolean     NOT NULL,
    created_at   timestamptz NOT NULL
) WITH (autovacuum_enabled = false);
