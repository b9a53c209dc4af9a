module pov.dev/mock

go 1.27
