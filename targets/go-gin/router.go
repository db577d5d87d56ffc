package main

import (
	"errors"
	"net/http"
	"net/http/pprof"

	"github.com/gin-gonic/gin"
)

// longest is how many bytes a post may have: what is kept in memory must have an end.
const longest = 64 << 10

// newRouter gives what answers each request. There is no log of requests, which would be most of
// the work.
func newRouter(posts *store) http.Handler {
	router := gin.New()
	router.Use(gin.Recovery())
	router.POST("/posts", create(posts))
	router.GET("/posts", func(c *gin.Context) {
		c.JSON(http.StatusOK, posts.latest())
	})
	router.GET("/debug/pprof/profile", gin.WrapF(pprof.Profile))
	return router
}

// create keeps a post and answers it with its number.
func create(posts *store) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, longest)
		var draft draft
		if err := c.ShouldBindJSON(&draft); err != nil {
			status := http.StatusBadRequest
			if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
				status = http.StatusRequestEntityTooLarge
			}
			c.JSON(status, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, posts.add(draft))
	}
}
