package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errNotFound says that no user has the id asked for.
var errNotFound = errors.New("not found")

const (
	findUser = `SELECT id, email, full_name, age, country_code, is_active, created_at
		FROM users WHERE id = $1`
	listUsers = `SELECT id, email, full_name, age, country_code, is_active, created_at
		FROM users ORDER BY id LIMIT $1 OFFSET $2`
	countUsers = `SELECT count(*) FROM users`
)

// A user as it is stored and as the API gives it.
type user struct {
	ID          uuid.UUID `json:"id"`
	Email       string    `json:"email"`
	FullName    string    `json:"full_name"`
	Age         int32     `json:"age"`
	CountryCode string    `json:"country_code"`
	IsActive    bool      `json:"is_active"`
	CreatedAt   time.Time `json:"created_at"`
}

// A store reads users from the database. Close it after use.
type store struct{ *pgxpool.Pool }

// openStore connects to the database at url with as many connections as size says, all of them
// open from the start: none has to be made while others are measured.
func openStore(ctx context.Context, url, size string) (*store, error) {
	if url == "" {
		return nil, errors.New("DATABASE_URL needs the address of the database")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL names no database: %w", err)
	}
	connections, err := strconv.ParseInt(size, 10, 32)
	if err != nil || connections < 1 {
		return nil, fmt.Errorf("DB_POOL needs the number of connections, not %q", size)
	}
	config.MaxConns = int32(connections)
	config.MinConns = config.MaxConns
	config.AfterConnect = timesInUTC

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot open its connections: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the database does not answer: %w", err)
	}
	return &store{pool}, nil
}

// timesInUTC has a connection give times in UTC instead of the machine's zone.
func timesInUTC(_ context.Context, connection *pgx.Conn) error {
	connection.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// find gives the user with this id, or errNotFound.
func (s *store) find(ctx context.Context, id uuid.UUID) (user, error) {
	rows, err := s.Query(ctx, findUser, id)
	if err != nil {
		return user{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
	if errors.Is(err, pgx.ErrNoRows) {
		return user{}, errNotFound
	}
	return found, err
}

// page gives up to limit users in the order of their ids, from the one at offset on, and the
// number of all.
func (s *store) page(ctx context.Context, limit, offset int64) ([]user, int64, error) {
	rows, err := s.Query(ctx, listUsers, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	users, err := pgx.CollectRows(rows, pgx.RowToStructByName[user])
	if err != nil {
		return nil, 0, err
	}
	var total int64
	err = s.QueryRow(ctx, countUsers).Scan(&total)
	return users, total, err
}
