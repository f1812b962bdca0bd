package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// mostAttempts bounds what one cluster may try before it is given up as never at rest.
const mostAttempts = 20_000

// longestBackoff is how many seconds the scheduler waits at most before it tries again after an error, and some.
const longestBackoff = 15

// cluster is a store with a real scheduler at work on it. It lives in one bubble of virtual time
// (testing/synctest): the bubble tells when nothing is left to do, and waiting takes no time.
type cluster struct {
	*store
	scheduler *scheduler.Scheduler
	factory   *informerFactory
	ctx       context.Context
	stop      context.CancelFunc
	done      sync.WaitGroup
	// eager controllers act between any two events, others only when the scheduler is at rest: real ones
	// are somewhere between.
	eager bool

	// open is closed while the scheduler may go on to its next pod.
	open chan struct{}
	// controlling keeps two goroutines from acting as the controllers at the same time.
	controlling sync.Mutex

	mu        sync.Mutex
	failure   error
	attempts  int
	paused    bool
	diagnoses map[string]diagnosis
	preempted []string
}

// newCluster fills a store and lets a scheduler work on it.
func newCluster(objects []object, seed int64) (*cluster, error) {
	c, err := newIdleCluster(objects, seed)
	if err != nil {
		return nil, err
	}
	c.done.Go(c.dispatch)
	c.done.Go(func() { c.scheduler.Run(c.ctx) })
	return c, nil
}

// newIdleCluster fills a store, in a random order, and makes a scheduler that has seen everything in it and
// does nothing yet.
func newIdleCluster(objects []object, seed int64) (*cluster, error) {
	c := &cluster{store: newStore(seed), diagnoses: map[string]diagnosis{}, paused: true}
	c.eager = c.chance(2)
	// Pods that start now must not be older than those that run already.
	for _, item := range objects {
		if pod, isPod := item.(*v1.Pod); isPod && pod.Status.StartTime != nil {
			time.Sleep(time.Until(pod.Status.StartTime.Time))
		}
	}
	time.Sleep(time.Minute)
	client := newClient(c.store, func(pod *v1.Pod) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.preempted = append(c.preempted, keyOf(pod))
	})
	c.factory = newInformerFactory(client)
	c.ctx, c.stop = context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	recorder := func(string) events.EventRecorderLogger { return &events.FakeRecorder{} }
	started, err := scheduler.New(c.ctx, client, c.factory, nil, recorder, scheduler.WithParallelism(1))
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("cannot start the scheduler: %w", err)
	}
	c.scheduler = started
	c.watchFailures()
	c.holdable()
	for _, item := range shuffle(c.store, append([]object{}, objects...)) {
		c.put(item)
	}
	for {
		change, any := c.poll()
		if !any {
			break
		}
		c.factory.deliver(change)
	}
	clear(c.occasions)
	return c, nil
}

// close ends everything that runs in the bubble.
func (c *cluster) close() {
	c.stop()
	c.store.close()
	c.done.Wait()
	// The recorders of metrics look every second whether they shall stop.
	time.Sleep(2 * time.Second)
}

// watchFailures keeps the scheduler's own words for each failed attempt.
func (c *cluster) watchFailures() {
	handle := c.scheduler.FailureHandler
	c.scheduler.FailureHandler = func(ctx context.Context, profile framework.Framework,
		pod *framework.QueuedPodInfo, status *fwk.Status, nominated *fwk.NominatingInfo, start time.Time) {
		c.mu.Lock()
		c.attempts++
		if c.attempts > mostAttempts && c.failure == nil {
			c.failure = errors.New("the scheduler does not come to rest")
			c.stop()
		}
		c.diagnoses[keyOf(pod.Pod)] = diagnose(status)
		c.mu.Unlock()
		handle(ctx, profile, pod, status, nominated, start)
	}
}

// holdable lets the scheduler be held between two pods: what it takes from its queue waits until it may go on, and
// only then does it look at the cluster.
func (c *cluster) holdable() {
	c.open = make(chan struct{})
	close(c.open)
	pop := c.scheduler.NextPod
	c.scheduler.NextPod = func(logger klog.Logger) (*framework.QueuedPodInfo, error) {
		pod, err := pop(logger)
		c.mu.Lock()
		open := c.open
		c.mu.Unlock()
		select {
		case <-open:
		case <-c.ctx.Done():
		}
		return pod, err
	}
}

// atOnce makes changes of which the scheduler sees all or none when it looks at its next pod.
func (c *cluster) atOnce(change func() error) error {
	open := make(chan struct{})
	c.mu.Lock()
	c.open = open
	c.mu.Unlock()
	defer close(open)
	err := change()
	synctest.Wait()
	return err
}

// dispatch delivers events one by one.
func (c *cluster) dispatch() {
	for {
		change, ok := c.next()
		if !ok {
			return
		}
		c.factory.deliver(change)
		if c.eager && c.chance(2) {
			c.reconcile()
		}
	}
}

// reconcile lets the controllers act, unless they are paused.
func (c *cluster) reconcile() {
	c.mu.Lock()
	paused := c.paused
	c.mu.Unlock()
	if paused {
		return
	}
	c.controlling.Lock()
	defer c.controlling.Unlock()
	if err := c.store.reconcile(); err != nil {
		c.fail(err)
	}
}

func (c *cluster) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = err
	}
}

// pause keeps the controllers from acting, or lets them again.
func (c *cluster) pause(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
}

// settle returns when nothing moves any more: no event is left, the controllers have nothing to do, and
// the scheduler waits for the next event with nothing under way. Pods that fail with an error, such as for
// want of any node, are tried again for ever; they are at rest when that has changed nothing for a while.
func (c *cluster) settle() error {
	idle := 0
	for {
		synctest.Wait()
		c.mu.Lock()
		failure := c.failure
		c.mu.Unlock()
		if failure != nil {
			return failure
		}
		before := c.currentVersion()
		c.reconcile()
		if c.currentVersion() != before {
			idle = 0
			continue
		}
		binding := c.scheduler.Cache.Dump().AssumedPods.Len() > 0
		if !binding && (len(c.scheduler.SchedulingQueue.PodsInBackoffQ()) == 0 || idle == longestBackoff) {
			return nil
		}
		// Volumes are bound with a poll of one second, errors are tried again after a back-off.
		time.Sleep(time.Second)
		idle++
	}
}

// retry lets every waiting pod be tried again, as the scheduler does after 5 minutes, until that moves
// nothing any more: what is Pending then does not fit.
func (c *cluster) retry() error {
	for range 10 {
		before, waiting := c.placements(), map[string]*v1.Pod{}
		for _, pod := range list[v1.Pod](c.store) {
			if pod.Spec.NodeName == "" {
				waiting[keyOf(pod)] = pod
			}
		}
		c.scheduler.SchedulingQueue.Activate(klog.Logger{}, waiting)
		if err := c.settle(); err != nil {
			return err
		}
		if samePlacements(before, c.placements()) {
			return nil
		}
	}
	return errors.New("pods are moved about without end")
}
