package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// counts says how far a workload got: desired = assigned + pending + notCreated.
type counts struct {
	Kind       string `json:"kind"`
	Desired    int32  `json:"desired"`
	Assigned   int32  `json:"assigned"`
	Pending    int32  `json:"pending"`
	NotCreated int32  `json:"notCreated"`
}

// pendingPod is a pod without a node and the scheduler's last words on it.
type pendingPod struct {
	Workload string             `json:"workload"`
	Pod      string             `json:"pod"`
	Message  string             `json:"message"`
	Plugins  []string           `json:"plugins"`
	Nodes    map[string]verdict `json:"nodes"`
	Rest     *verdict           `json:"rest,omitempty"`
}

// outcome is one way in which a failure ended.
type outcome struct {
	Seen int `json:"seen"`
	// Workloads are counted when nothing moved any more, AfterRetry after every waiting pod was tried
	// again; the rest is from then.
	Workloads   map[string]counts         `json:"workloads"`
	AfterRetry  map[string]counts         `json:"afterRetry"`
	PendingPods []pendingPod              `json:"pendingPods"`
	Preempted   []string                  `json:"preempted"`
	Placements  map[string]map[string]int `json:"placements"`
	// Reasons are, for each workload with Pending pods, the plugins that rejected them: one set, as a list,
	// for every way in which a run of this outcome named them.
	Reasons map[string][][]string `json:"reasons"`
	// Refused says of how many pods of each workload budgets refuse the eviction at the end of a drain.
	Refused map[string]int `json:"refused"`
}

// failure is what breaks: `node-removed`, `node-unreachable`, `zone-removed` or `zone-unreachable`; or `drain`.
type failure struct {
	Kind  string   `json:"kind"`
	Nodes []string `json:"nodes"`
}

type playAnswer struct {
	// Objects is the cluster at rest, where it was to be settled first.
	Objects       []object          `json:"objects,omitempty"`
	Before        map[string]counts `json:"before"`
	PendingBefore []pendingPod      `json:"pendingBefore"`
	Deterministic bool              `json:"deterministic"`
	Outcomes      []*outcome        `json:"outcomes"`
}

// play brings a cluster to rest where asked to, then plays the failure over and over.
func play(t *testing.T, asked *request) (*playAnswer, error) {
	objects, err := decodeAll(asked.Objects)
	if err != nil {
		return nil, err
	}
	answer := &playAnswer{}
	if asked.Settle {
		later, err := decodeAll(asked.Later)
		if err != nil {
			return nil, err
		}
		rest := func() ([]object, error) { return bringToRest(objects, later, asked.Seed) }
		if objects, err = inBubble(t, rest); err != nil {
			return nil, err
		}
		answer.Objects = objects
	}
	for run := range asked.Runs {
		seed := asked.Seed*1_000 + int64(run) + 1
		ended, err := inBubble(t, func() (*outcome, error) {
			return playFailure(copyAll(objects), asked.Failure, seed, answer)
		})
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", run, err)
		}
		answer.add(ended)
	}
	slices.SortStableFunc(answer.Outcomes, func(a, b *outcome) int { return b.Seen - a.Seen })
	answer.Deterministic = len(answer.Outcomes) < 2
	return answer, nil
}

// inBubble runs something in virtual time of its own.
func inBubble[T any](t *testing.T, run func() (T, error)) (result T, err error) {
	synctest.Test(t, func(*testing.T) { result, err = run() })
	return result, err
}

func decodeAll(raw []json.RawMessage) ([]object, error) {
	var objects []object
	for _, one := range raw {
		decoded, err := decode(one)
		if err != nil {
			return nil, err
		}
		objects = append(objects, decoded)
	}
	return objects, nil
}

// copyAll keeps one run from seeing another's objects.
func copyAll(objects []object) []object {
	copied := make([]object, 0, len(objects))
	for _, item := range objects {
		copied = append(copied, item.DeepCopyObject().(object))
	}
	return copied
}

func (a *playAnswer) add(ended *outcome) {
	for _, known := range a.Outcomes {
		if reflect.DeepEqual(known.Workloads, ended.Workloads) && reflect.DeepEqual(known.AfterRetry, ended.AfterRetry) &&
			reflect.DeepEqual(known.Refused, ended.Refused) {
			known.Seen++
			for workload, sets := range ended.Reasons {
				for _, set := range sets {
					known.name(workload, set)
				}
			}
			return
		}
	}
	a.Outcomes = append(a.Outcomes, ended)
}

// name adds a set of plugins as a reason, once.
func (o *outcome) name(workload string, plugins []string) {
	same := func(known []string) bool { return slices.Equal(known, plugins) }
	if !slices.ContainsFunc(o.Reasons[workload], same) {
		o.Reasons[workload] = append(o.Reasons[workload], plugins)
	}
}

// bringToRest creates the pods of all workloads, one workload after another, lets the scheduler place them,
// applies the later objects (say, a cordon) and returns the cluster when nothing moves any more.
func bringToRest(objects, later []object, seed int64) ([]object, error) {
	var pods, rest []object
	for _, item := range objects {
		if pod, isPod := item.(*v1.Pod); isPod && pod.Spec.NodeName == "" {
			pods = append(pods, pod)
		} else {
			rest = append(rest, item)
		}
	}
	c, err := newCluster(rest, seed)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, step := range shuffle(c.store, append(c.creations(), c.bareCreations(pods)...)) {
		if err := step(); err != nil {
			return nil, err
		}
		// The next workload is younger, as far as the API server's clock tells.
		if err := c.settleAfterSecond(); err != nil {
			return nil, err
		}
	}
	c.pause(false)
	if err := c.settle(); err != nil {
		return nil, err
	}
	if err := c.resize(); err != nil {
		return nil, err
	}
	for _, changes := range [][]object{nil, later} {
		for _, item := range changes {
			c.put(item)
		}
		if err := c.settle(); err != nil {
			return nil, err
		}
		if err := c.retry(); err != nil {
			return nil, err
		}
	}
	return c.all()
}

func (c *cluster) creations() []func() error {
	var steps []func() error
	for _, w := range c.workloads() {
		steps = append(steps, func() error { return c.reconcileWorkload(w) })
	}
	return steps
}

func (c *cluster) bareCreations(pods []object) []func() error {
	var steps []func() error
	for _, item := range pods {
		steps = append(steps, func() error {
			admitted, err := c.admit(item.(*v1.Pod))
			if err == nil {
				c.put(admitted)
			}
			return err
		})
	}
	return steps
}

// playFailure plays the failure once, on a cluster at rest with a freshly started scheduler.
func playFailure(objects []object, broken *failure, seed int64, answer *playAnswer) (*outcome, error) {
	c, err := newCluster(objects, seed)
	if err != nil {
		return nil, err
	}
	defer c.close()
	c.pause(false)
	if err := c.settle(); err != nil {
		return nil, err
	}
	// A scheduler that has run for a while has seen the nodes that are about to go.
	if err := c.updateSnapshot(); err != nil {
		return nil, err
	}
	if answer.Before == nil {
		answer.Before, answer.PendingBefore = c.count(), c.pendingPods()
	}
	ended := &outcome{Seen: 1}
	switch {
	case broken == nil:
	case broken.Kind == "drain":
		if ended.Refused, err = c.drain(broken.Nodes); err != nil {
			return nil, err
		}
	default:
		if err := c.apply(broken); err != nil {
			return nil, err
		}
	}
	c.pause(false)
	if err := c.settle(); err != nil {
		return nil, err
	}
	ended.Workloads = c.count()
	if err := c.retry(); err != nil {
		return nil, err
	}
	ended.AfterRetry, ended.PendingPods, ended.Placements = c.count(), c.pendingPods(), c.placements()
	ended.Reasons = map[string][][]string{}
	for workload, plugins := range reasons(ended.PendingPods) {
		ended.name(workload, plugins)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ended.Preempted = append([]string{}, c.preempted...)
	slices.Sort(ended.Preempted)
	return ended, nil
}

// apply takes the nodes away and then all their pods, before the first of these is created again; nothing is
// scheduled meanwhile, least of all onto a node that is about to fail. In half of the runs in which several nodes fall
// silent, though, they lose their pods one node after another, and everything settles between: the node controller
// taints silent nodes at a limited rate (--node-eviction-rate).
func (c *cluster) apply(broken *failure) error {
	var parts [][]*v1.Pod
	err := c.atOnce(func() error {
		lost, err := c.lose(broken)
		if err != nil {
			return err
		}
		parts = [][]*v1.Pod{lost}
		if !broken.removes() && len(broken.Nodes) > 1 && c.chance(2) {
			parts = shuffle(c.store, byNode(lost))
		}
		if len(parts) == 0 {
			return nil
		}
		return c.vanish(parts[0])
	})
	if err != nil || len(parts) < 2 {
		return err
	}
	for _, part := range parts[1:] {
		c.pause(false)
		if err := c.settle(); err != nil {
			return err
		}
		if err := c.atOnce(func() error { return c.vanish(part) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *failure) removes() bool { return strings.HasSuffix(f.Kind, "-removed") }

// lose takes the nodes away, or marks them and their pods as the node controller does. Returns the pods that are on
// them.
func (c *cluster) lose(broken *failure) ([]*v1.Pod, error) {
	c.pause(true)
	lost := map[string]bool{}
	for _, name := range broken.Nodes {
		node := get[v1.Node](c.store, "", name)
		if node == nil {
			return nil, fmt.Errorf("the failure names node %s, which does not exist", name)
		}
		lost[name] = true
		if broken.removes() {
			c.remove(node)
			if driver := get[storagev1.CSINode](c.store, "", name); driver != nil {
				c.remove(driver)
			}
		} else {
			c.put(unreachable(node))
		}
	}
	var pods []*v1.Pod
	for _, pod := range list[v1.Pod](c.store) {
		if !lost[pod.Spec.NodeName] {
			continue
		}
		if !broken.removes() {
			pod = notReady(pod)
			c.put(pod)
		}
		pods = append(pods, pod)
	}
	return pods, nil
}

// byNode groups pods by the node that they are on.
func byNode(pods []*v1.Pod) [][]*v1.Pod {
	groups := map[string][]*v1.Pod{}
	for _, pod := range pods {
		groups[pod.Spec.NodeName] = append(groups[pod.Spec.NodeName], pod)
	}
	var parts [][]*v1.Pod
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		parts = append(parts, groups[name])
	}
	return parts
}

// vanish removes pods that still exist, before the first of them is created again. In half of the runs, though, the
// StatefulSet controller notices some of the lost pods before others have vanished: with OrderedReady the number
// of pods that wait then differs from the number that is not created.
func (c *cluster) vanish(pods []*v1.Pod) error {
	c.pause(true)
	early := c.chance(2)
	for _, pod := range shuffle(c.store, pods) {
		if known := get[v1.Pod](c.store, pod.Namespace, pod.Name); known == nil || known.UID != pod.UID {
			continue
		}
		c.remove(pod)
		for _, w := range c.workloads() {
			if early && w.kind == "StatefulSet" && w.owns(pod) && c.chance(2) {
				if err := c.reconcileWorkload(w); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// notReady is a pod on a node that fell silent, as the node controller marks it.
func notReady(pod *v1.Pod) *v1.Pod {
	silent := pod.DeepCopy()
	for i, condition := range silent.Status.Conditions {
		if condition.Type == v1.PodReady {
			silent.Status.Conditions[i].Status = v1.ConditionFalse
			silent.Status.Conditions[i].LastTransitionTime = metav1.Now()
		}
	}
	return silent
}

// isDead says whether nothing starts on a node any more.
func isDead(node *v1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(taint v1.Taint) bool {
		return taint.Key == v1.TaintNodeUnreachable && taint.Effect == v1.TaintEffectNoExecute
	})
}

// unreachable is a node after a power cut, as the node controller marks it.
func unreachable(node *v1.Node) *v1.Node {
	dead := node.DeepCopy()
	now := metav1.Now()
	for i, condition := range dead.Status.Conditions {
		if condition.Type == v1.NodeReady {
			dead.Status.Conditions[i].Status = v1.ConditionUnknown
			dead.Status.Conditions[i].LastTransitionTime = now
		}
	}
	dead.Spec.Taints = append(dead.Spec.Taints,
		v1.Taint{Key: v1.TaintNodeUnreachable, Effect: v1.TaintEffectNoSchedule, TimeAdded: &now},
		v1.Taint{Key: v1.TaintNodeUnreachable, Effect: v1.TaintEffectNoExecute, TimeAdded: &now})
	return dead
}
