package main

import "sync"

// most is how many posts are kept.
const most = 1_000

// A draft is a post as a client sends it.
type draft struct {
	Title  string `json:"title" binding:"required"`
	Body   string `json:"body" binding:"required"`
	Author string `json:"author" binding:"required"`
}

// A post is a draft with its number.
type post struct {
	ID     uint64 `json:"id"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Author string `json:"author"`
}

// A store keeps the latest posts in memory. The zero value is an empty one.
type store struct {
	mutex sync.RWMutex
	last  uint64
	posts []post
}

// add keeps a draft as the next post, in place of the oldest where there is no more room.
func (s *store) add(d draft) post {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last++
	added := post{ID: s.last, Title: d.Title, Body: d.Body, Author: d.Author}
	if len(s.posts) == most {
		// What is cut off here is left behind when append makes room.
		s.posts = s.posts[1:]
	}
	s.posts = append(s.posts, added)
	return added
}

// latest gives the posts that are kept, the oldest first; never nil, which JSON has as null.
func (s *store) latest() []post {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return append(make([]post, 0, len(s.posts)), s.posts...)
}
