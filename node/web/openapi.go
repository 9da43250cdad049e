package web

import (
	_ "embed"
	"net/http"
)

// description is the API in the OpenAPI format, for programs that are to call it and people who write them.
//
//go:embed openapi.json
var description []byte

func serveDescription(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(description) // the client went: nobody is left to tell
}
