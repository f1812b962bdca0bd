package scheduler

import (
	"os"
	"runtime"
	"testing"
)

// TestServe is the program: requests on standard input, answers on standard output.
func TestServe(t *testing.T) {
	serve(t, os.Stdin, os.Stdout, runtime.GOMAXPROCS(0))
}
