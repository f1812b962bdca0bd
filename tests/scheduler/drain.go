package scheduler

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
)

// drain is `kubectl drain --ignore-daemonsets --force`: it cordons the nodes and evicts the pods that it found on
// them, over and over, until a whole round over a cluster at rest evicts nothing more. In half of the runs everything
// settles after each eviction. Returns of how many pods of each workload the eviction is refused at the end.
func (c *cluster) drain(nodes []string) (map[string]int, error) {
	drained := map[string]bool{}
	for _, name := range nodes {
		node := get[v1.Node](c.store, "", name)
		if node == nil {
			return nil, fmt.Errorf("the drain names node %s, which does not exist", name)
		}
		drained[name] = true
		c.put(cordoned(node))
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	found := map[string]*v1.Pod{}
	for _, pod := range list[v1.Pod](c.store) {
		owner := metav1.GetControllerOf(pod)
		if drained[pod.Spec.NodeName] && (owner == nil || owner.Kind != "DaemonSet") {
			found[keyOf(pod)] = pod
		}
	}
	patient, workloadOf := c.chance(2), c.owners()
	for {
		refused, evicted := map[string]int{}, false
		for _, pod := range shuffle(c.store, list[v1.Pod](c.store)) {
			if before := found[keyOf(pod)]; before == nil || before.UID != pod.UID {
				continue
			}
			if !c.mayEvict(pod) {
				refused[workloadOf(pod)]++
				continue
			}
			evicted = true
			if err := c.evict(pod, patient); err != nil {
				return nil, err
			}
		}
		if err := c.settle(); err != nil {
			return nil, err
		}
		if !evicted {
			return refused, nil
		}
	}
}

func (c *cluster) evict(pod *v1.Pod, patient bool) error {
	c.remove(pod)
	if patient {
		return c.settle()
	}
	return c.countBudgets()
}

func cordoned(node *v1.Node) *v1.Node {
	drained := node.DeepCopy()
	if !drained.Spec.Unschedulable {
		drained.Spec.Unschedulable = true
		drained.Spec.Taints = append(drained.Spec.Taints,
			v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule})
	}
	return drained
}

// mayEvict is what the eviction API decides (`Create` in pkg/registry/core/pod/storage/eviction.go).
func (s *store) mayEvict(listed *v1.Pod) bool {
	pod := get[v1.Pod](s, listed.Namespace, listed.Name)
	if pod == nil || pod.Status.Phase != v1.PodRunning || pod.DeletionTimestamp != nil {
		return true
	}
	var budgets []*policyv1.PodDisruptionBudget
	for _, budget := range list[policyv1.PodDisruptionBudget](s) {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && budget.Namespace == pod.Namespace && selector.Matches(labels.Set(pod.Labels)) {
			budgets = append(budgets, budget)
		}
	}
	if len(budgets) != 1 {
		return len(budgets) == 0
	}
	status := budgets[0].Status
	if !podutil.IsPodReady(pod) {
		policy := budgets[0].Spec.UnhealthyPodEvictionPolicy
		if policy != nil && *policy == policyv1.AlwaysAllow ||
			status.CurrentHealthy >= status.DesiredHealthy && status.DesiredHealthy > 0 {
			return true
		}
	}
	return status.DisruptionsAllowed > 0
}
