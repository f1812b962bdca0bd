// Package scheduler runs the real scheduler of Kubernetes in process, for differential tests.
//
// It is a test binary (`go test -c`), because only tests may live in virtual time: each case runs in a bubble
// of testing/synctest, which knows when every goroutine waits, so that nothing here sleeps or guesses.
// TestServe reads one request per line from its standard input and answers each with one line of JSON.
//
// What is real: the scheduler with its default profile, queues, plugins and preemption; the API server's
// defaults, validation and pod strategy; the predicates and templates of the controllers. What is ours: the
// store in place of the API server, and the few lines of each controller that create pods and bind volumes.
// Pods are ready as soon as they are bound; deleted ones are gone at once.
package scheduler

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// request is one case.
type request struct {
	ID string `json:"id"`
	// Mode is `play` or `filter`.
	Mode    string            `json:"mode"`
	Objects []json.RawMessage `json:"objects"`
	Seed    int64             `json:"seed"`
	// Settle lets the scheduler place the workloads' pods first.
	Settle bool `json:"settle"`
	// Later replaces objects once the pods are placed.
	Later   []json.RawMessage `json:"later"`
	Failure *failure          `json:"failure"`
	Runs    int               `json:"runs"`
	// Pods are those to ask the filter plugins about.
	Pods []json.RawMessage `json:"pods"`
}

// answer is the line that a request is answered with.
type answer struct {
	ID     string        `json:"id"`
	Error  string        `json:"error,omitempty"`
	Play   *playAnswer   `json:"play,omitempty"`
	Filter *filterAnswer `json:"filter,omitempty"`
}

// serve answers every request until the input ends, with as many workers as there are processors.
func serve(t *testing.T, input io.Reader, output io.Writer, workers int) {
	// The signal handler of a scheduler would start a goroutine that belongs to no bubble.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	// Errors are told once, without the pause that follows them: its clock would be that of another bubble.
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
	lines := make(chan []byte)
	var writing sync.Mutex
	encoder := json.NewEncoder(output)
	t.Run("worker", func(t *testing.T) {
		for range workers {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for line := range lines {
					answered := respond(t, line)
					writing.Lock()
					err := encoder.Encode(answered)
					writing.Unlock()
					if err != nil {
						t.Fatal(err)
					}
				}
			})
		}
		go func() {
			defer close(lines)
			reader := bufio.NewReaderSize(input, 1<<20)
			for {
				line, err := reader.ReadBytes('\n')
				if len(line) > 0 {
					lines <- line
				}
				if err != nil {
					return
				}
			}
		}()
	})
}

func respond(t *testing.T, line []byte) answer {
	asked := &request{}
	if err := json.Unmarshal(line, asked); err != nil {
		return answer{Error: fmt.Sprintf("not a request: %v", err)}
	}
	answered := answer{ID: asked.ID}
	var err error
	switch asked.Mode {
	case "play":
		answered.Play, err = play(t, asked)
	case "filter":
		answered.Filter, err = filter(t, asked)
	default:
		err = fmt.Errorf("mode %q is neither play nor filter", asked.Mode)
	}
	if err != nil {
		answered.Error = err.Error()
	}
	return answered
}
