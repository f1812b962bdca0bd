package scheduler

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// count says of every workload how far it got. A bare pod is a workload of its own.
func (c *cluster) count() map[string]counts {
	found := map[string]counts{}
	for _, w := range c.workloads() {
		// A DaemonSet keeps pods on nodes for which it would create none now.
		pods := c.podsOf(w)
		desired := max(w.desired, int32(len(pods)))
		counted := counts{Kind: w.kind, Desired: desired, NotCreated: desired - int32(len(pods))}
		if desired == 0 {
			continue
		}
		for _, pod := range pods {
			if pod.Spec.NodeName == "" {
				counted.Pending++
			} else {
				counted.Assigned++
			}
		}
		found[w.key()] = counted
	}
	for _, pod := range list[v1.Pod](c.store) {
		if metav1.GetControllerOf(pod) == nil {
			counted := counts{Kind: "Pod", Desired: 1, Pending: 1}
			if pod.Spec.NodeName != "" {
				counted.Pending, counted.Assigned = 0, 1
			}
			found[keyOf(pod)] = counted
		}
	}
	return found
}

// owners returns what finds the key of the workload that a pod belongs to.
func (c *cluster) owners() func(*v1.Pod) string {
	byUID := map[types.UID]string{}
	for _, set := range list[appsv1.ReplicaSet](c.store) {
		byUID[set.UID] = replicaSet(set).key()
	}
	return func(pod *v1.Pod) string {
		owner := metav1.GetControllerOf(pod)
		if owner == nil {
			return keyOf(pod)
		}
		if key, found := byUID[owner.UID]; found {
			return key
		}
		return pod.Namespace + "/" + owner.Name
	}
}

func (c *cluster) pendingPods() []pendingPod {
	found, workloadOf := []pendingPod{}, c.owners()
	for _, pod := range list[v1.Pod](c.store) {
		if pod.Spec.NodeName != "" {
			continue
		}
		c.mu.Lock()
		last := c.diagnoses[keyOf(pod)]
		c.mu.Unlock()
		if len(pod.Spec.SchedulingGates) > 0 {
			last = diagnosis{plugins: []string{"SchedulingGates"}}
		}
		if last.message == "" {
			for _, condition := range pod.Status.Conditions {
				if condition.Type == v1.PodScheduled {
					last.message = condition.Message
				}
			}
		}
		found = append(found, pendingPod{
			Workload: workloadOf(pod), Pod: pod.Name, Message: last.message,
			Plugins: last.plugins, Nodes: last.nodes, Rest: last.rest,
		})
	}
	return found
}

// reasons joins the plugins that rejected the pods of each workload.
func reasons(pods []pendingPod) map[string][]string {
	found := map[string][]string{}
	for _, pod := range pods {
		plugins := append(append([]string{}, found[pod.Workload]...), pod.Plugins...)
		slices.Sort(plugins)
		found[pod.Workload] = slices.Compact(plugins)
	}
	return found
}

// placements counts the pods of each workload per node.
func (c *cluster) placements() map[string]map[string]int {
	found, workloadOf := map[string]map[string]int{}, c.owners()
	for _, pod := range list[v1.Pod](c.store) {
		if pod.Spec.NodeName == "" {
			continue
		}
		key := workloadOf(pod)
		if found[key] == nil {
			found[key] = map[string]int{}
		}
		found[key][pod.Spec.NodeName]++
	}
	return found
}

func (c *cluster) settleAfterSecond() error {
	time.Sleep(time.Second)
	return c.settle()
}

func samePlacements(a, b map[string]map[string]int) bool {
	return maps.EqualFunc(a, b, maps.Equal)
}
