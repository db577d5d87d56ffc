module flameload/targets/go-nethttp

go 1.25.0
