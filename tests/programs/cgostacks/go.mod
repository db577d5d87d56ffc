module example.com/cgostacks

go 1.21
