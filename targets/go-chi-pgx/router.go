package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// A page of users as the API gives it.
type page struct {
	Items  []user `json:"items"`
	Limit  int64  `json:"limit"`
	Offset int64  `json:"offset"`
	Total  int64  `json:"total"`
}

// newRouter gives what answers each request.
func newRouter(users *store) http.Handler {
	router := chi.NewRouter()
	router.Get("/healthz", health)
	router.Get("/users", list(users))
	router.Get("/users/{id}", one(users))
	// Where net/http/pprof puts itself when the default mux serves.
	router.Get("/debug/pprof/*", pprof.Index)
	router.Get("/debug/pprof/cmdline", pprof.Cmdline)
	router.Get("/debug/pprof/profile", pprof.Profile)
	router.Get("/debug/pprof/symbol", pprof.Symbol)
	router.Get("/debug/pprof/trace", pprof.Trace)
	return router
}

func health(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]string{"status": "ok"})
}

// one answers a single user.
func one(users *store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := uuid.Parse(chi.URLParam(r, "id"))
		if err != nil {
			refuse(w, http.StatusBadRequest, "invalid_id")
			return
		}
		found, err := users.find(r.Context(), id)
		switch {
		case errors.Is(err, errNotFound):
			refuse(w, http.StatusNotFound, "not_found")
		case err != nil:
			fail(w, r, err)
		default:
			respond(w, http.StatusOK, found)
		}
	}
}

// list answers a page of users.
func list(users *store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		limit, err := number(query, "limit", defaultLimit, 1, maxLimit)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		offset, err := number(query, "offset", 0, 0, math.MaxInt64)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		items, total, err := users.page(r.Context(), limit, offset)
		if err != nil {
			fail(w, r, err)
			return
		}
		respond(w, http.StatusOK, page{Items: items, Limit: limit, Offset: offset, Total: total})
	}
}

// number reads a whole number within bounds from a query, or gives the usual one.
func number(query url.Values, name string, usual, least, most int64) (int64, error) {
	if !query.Has(name) {
		return usual, nil
	}
	value, err := strconv.ParseInt(query.Get(name), 10, 64)
	if err != nil || value < least || value > most {
		return 0, fmt.Errorf("%s must be a number from %d to %d", name, least, most)
	}
	return value, nil
}

// fail answers that the database did not, unless the client is the one that went away.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		log.Printf("%s: %v", r.URL.Path, err)
	}
	refuse(w, http.StatusInternalServerError, "internal")
}

func refuse(w http.ResponseWriter, status int, reason string) {
	respond(w, status, map[string]string{"error": reason})
}

func respond(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		log.Printf("cannot serialize a response: %v", err)
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal"}`)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that goes away in mid-response is its own affair.
	_, _ = w.Write(body)
}
